import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { messageOf } from '../src/thrown.ts';
import { benchAck } from './ack.ts';
import { benchAnswer } from './answer.ts';
import { type Ground, startGround } from './ground.ts';
import { benchHealth, benchHung, openStaleLooks } from './health.ts';
import { benchKeys } from './keys.ts';
import { benchPods } from './pods.ts';
import { benchRecovery } from './recovery.ts';
import { type Row, renderMarkdown, renderTable } from './row.ts';
import { benchSnapshot } from './snapshot.ts';
import { benchStart } from './start.ts';
import { benchTold } from './told.ts';

/** All of it takes about five minutes on a quiet machine; what takes longer than twenty hangs. */
const giveUpMs = 1_200_000;

const usage = `npm run bench                            ratios measured in one run, as a table
npm run bench -- --markdown              the table for README
npm run bench -- --json figures.json     every round too, into a file (- for standard output)
npm run bench -- --only ack,health       some of: ack, answer, health, hung, snapshot, pods, recovery, keys, told, start
`;

const parts: Readonly<Record<string, (ground: Ground) => Promise<Row[]>>> = {
  ack: benchAck,
  answer: benchAnswer,
  hung: benchHung,
  snapshot: benchSnapshot,
  pods: benchPods,
  recovery: benchRecovery,
  keys: benchKeys,
  told: benchTold,
  start: benchStart,
};
const names = ['ack', 'answer', 'health', 'hung', 'snapshot', 'pods', 'recovery', 'keys', 'told', 'start'];

/**
 * Measures Quorum against the least that its parts can do, on real ones that it starts and ends.
 * @returns the exit code: 0 also where an aim is not met, for that is a figure and not a failure
 */
export async function main(args: readonly string[]): Promise<number> {
  let options: ReturnType<typeof optionsOf>;
  try {
    options = optionsOf(args);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${usage}`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }
  // An exit of this process ends every process that it started and removes its folders.
  const overdue = setTimeout(() => {
    process.stderr.write(`Not done within ${giveUpMs / 1000} s, given up.\n`);
    process.exit(1);
  }, giveUpMs);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
  const startedAt = performance.now();
  const ground = await startGround();
  try {
    const rows = await measure(ground, options.only);
    const tookSeconds = Math.round((performance.now() - startedAt) / 1000);
    if (options.json !== '-') process.stdout.write(options.markdown ? renderMarkdown(rows) : renderTable(rows));
    if (options.json !== undefined) {
      const machine = { cpus: cpus().length, cpu: cpus()[0]?.model ?? '', node: process.version };
      const text = `${JSON.stringify({ measuredAt: new Date().toISOString(), tookSeconds, machine, rows }, null, 2)}\n`;
      if (options.json === '-') process.stdout.write(text);
      else writeFileSync(options.json, text);
    }
    process.stderr.write(`measured in ${tookSeconds} s\n`);
    return 0;
  } finally {
    clearTimeout(overdue);
    await ground.stop();
  }
}

async function measure(ground: Ground, only: readonly string[]): Promise<Row[]> {
  const stale = only.includes('health') ? await openStaleLooks(ground) : undefined;
  const rows: Row[] = [];
  for (const name of names.filter((each) => only.includes(each))) {
    process.stderr.write(`measuring: ${name}\n`);
    if (name === 'health' && stale !== undefined) rows.push(...(await benchHealth(ground, stale)));
    else rows.push(...((await parts[name]?.(ground)) ?? []));
  }
  return rows;
}

function optionsOf(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'string' },
      markdown: { type: 'boolean', default: false },
      only: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const only = values.only === undefined ? names : values.only.split(',');
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`There is no part ${unknown}; there is ${names.join(', ')}.`);
  return { ...values, only };
}
