import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type Ground, type Started, startNode, startScript, writeConfig } from './ground.ts';
import { compare, median, type Round, timeMs } from './rounds.ts';
import { type Row, row } from './row.ts';

const rounds = 5;
const libraries = ['@slack/bolt', 'bullmq', 'ioredis'];

/** From the start of a process, bot and worker in one, to its log line `ready`; and the memory it then holds. */
export async function benchStart(ground: Ground): Promise<Row[]> {
  const config = writeConfig(ground, 'start', 'socket');
  const times: Round[] = [];
  const memory: Round[] = [];
  const nodeMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const ours = await measured(await startNode(ground, 'product', ['start', '--config', config]));
    const imports = await measured(await startScript(ground, 'imports', ['--input-type=module', '-e', importing()]));
    times.push({ ours: ours.tookMs, baseline: imports.tookMs });
    memory.push({ ours: ours.rssMb, baseline: imports.rssMb });
    nodeMs.push(await timeMs(async () => execFileSync(process.execPath, ['-e', ''])));
  }
  const baselineIs = 'importing Bolt, BullMQ and ioredis';
  return [
    row(compare(times), {
      what: 'start to ready',
      baselineIs,
      aim: { kind: 'ours', atMost: 700 },
      note: `bot and worker in one process, Socket Mode, connected to Redis and Slack; of it Node.js alone takes ${median(nodeMs).toFixed(0)} ms`,
    }),
    row(compare(memory), { what: 'memory once ready', baselineIs, unit: 'MB', aim: { kind: 'none' } }),
  ];
}

async function measured(started: Started): Promise<{ readonly tookMs: number; readonly rssMb: number }> {
  const rssMb = residentBytes(started.pid) / 1e6;
  await started.stop();
  return { tookMs: started.tookMs, rssMb };
}

function importing(): string {
  const imports = libraries.map((name) => `import ${JSON.stringify(name)};`).join('\n');
  return `${imports}\nconsole.log(JSON.stringify({ event: 'ready' }));\nsetInterval(() => {}, 1000);`;
}

function residentBytes(pid: number): number {
  if (process.platform === 'linux') {
    const [, kib = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kib) * 1024;
  }
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024;
}
