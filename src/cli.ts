import { existsSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { type Config, emptyConfig, everySection } from './config.ts';
import { configPath, readConfig, readTextFile } from './config-client.ts';
import { refusalReport } from './help.ts';
import { linesOf } from './lines.ts';
import { nearest } from './nearest.ts';
import { Refusal } from './refusal.ts';
import type { Report } from './report/report.ts';
import { count } from './report/text.ts';
import { exitCodes } from './run.ts';
import { messageOf } from './thrown.ts';

const usage = `Quorum: a Slack bot for on-call engineers

  quorum start                     the bot and a worker in one process
  quorum bot | worker              the two halves, for two processes
  quorum run "<command>"           one command here: quorum run "/etcd health"
  quorum run -                     a command a line from standard input, a JSON object a line out
  quorum check                     the config and every connection, one line each
  quorum audit verify              whether the audit is what was written
  quorum snapshot decrypt <file> <out>   a snapshot of etcd, as etcdctl takes it; needs the config alone
  quorum manifest                  the Slack app manifest
  quorum rbac                      the smallest Kubernetes role for what is configured, for kubectl apply -f -

Options
  --config <file>                  else QUORUM_CONFIG, else ./quorum.yaml
  --output text|json               for run: text where not given
  --recorded <dir>                 for run: a folder of recorded Kubernetes objects in place of a cluster
  --chart <file.png>               for run "/oom why …": its memory against the limit as a picture, into a new file
  --cluster <name>                 for rbac: which Kubernetes cluster of the config; else the only one
  --namespace <name>               for rbac, repeatable: in place of the namespaces in the config
  --service-account <ns/name>      for rbac: who is bound to the role; quorum/quorum where not given
  --user <name>                    for rbac: a user in place of a service account

Exit codes of run: 0 ok, 1 findings, 2 unknown or refused
`;

const verbs = ['start', 'bot', 'worker', 'run', 'check', 'audit verify', 'snapshot decrypt', 'manifest', 'rbac'];

/**
 * Runs the executable and ends the process: a connection that hangs in its handshake cannot be cut, and would hold it for minutes.
 */
export async function main(args: readonly string[]): Promise<void> {
  let code: number;
  try {
    code = await dispatch(args);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    process.stderr.write(`${error.message}\n${error.advice}\n`);
    code = exitCodes.refused;
  }
  // What was printed is written first, also where a slow reader has the pipe.
  process.exitCode = code;
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}

async function dispatch(args: readonly string[]): Promise<number> {
  const { positionals, values } = options(args);
  const [verb, ...rest] = positionals;
  if (values.version === true) {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    process.stdout.write(`${version}\n`);
    return 0;
  }
  if (values.help === true || verb === undefined || verb === 'help') {
    process.stdout.write(usage);
    return verb === undefined && values.help !== true ? 2 : 0;
  }
  const path = configPath(values.config, process.env);
  const [extra] = rest;
  if (extra !== undefined && verbs.includes(verb) && verb !== 'run')
    throw new Refusal(
      `\`quorum ${verb}\` takes no words, and was given “${extra}”.`,
      `A config is named with --config: quorum ${verb} --config ${extra}`,
    );
  switch (verb) {
    case 'run':
      return await runCommands(rest, values, path);
    case 'check': {
      const { check } = await import('./check-client.ts');
      return await check(path, process.env, (line) => process.stdout.write(`${line}\n`));
    }
    case 'audit': {
      if (rest[0] !== 'verify' || rest.length > 1) throw new Refusal('There is `quorum audit verify`.', 'Type it so.');
      const config = await readConfig(path, process.env, ['redis']);
      return await verify(config);
    }
    case 'snapshot': {
      const [what, from, to, tooMany] = rest;
      if (what !== 'decrypt' || from === undefined || to === undefined || tooMany !== undefined)
        throw new Refusal(
          'There is `quorum snapshot decrypt <file> <out>`.',
          'Name the file that is encrypted, and the one to write: quorum snapshot decrypt 20261129T030000Z-4f1c9a2e.db.sealed prod.db',
        );
      const config = await readConfig(path, process.env, ['etcd']);
      const { decryptSnapshot } = await import('./snapshot/decrypt-client.ts');
      const { bytes, sha256 } = await decryptSnapshot(config, from, to);
      process.stdout.write(
        `${to} is whole: ${bytes} bytes, sha256 ${sha256}.\nIt holds every secret of its cluster.\n`,
      );
      return exitCodes.ok;
    }
    case 'manifest': {
      const [{ commands }, { manifest }] = await Promise.all([
        import('../commands/index.ts'),
        import('./slack/manifest.ts'),
      ]);
      const config = await configOrEmpty(path, values.config);
      process.stdout.write(manifest(commands, config.slack));
      return 0;
    }
    case 'rbac': {
      const { rbacFor } = await import('./kubernetes/rbac-words.ts');
      process.stdout.write(rbacFor(await configOrEmpty(path, values.config), values));
      return 0;
    }
    case 'start':
    case 'bot':
    case 'worker': {
      const config = await readConfig(path, process.env, everySection);
      const { serve } = await import('./serve.ts');
      return await serve(config, verb === 'start' ? ['bot', 'worker'] : [verb]);
    }
    default: {
      const near = nearest(verb, verbs);
      throw new Refusal(
        `There is no \`quorum ${verb}\`${near === undefined ? '.' : `; did you mean \`quorum ${near}\`?`}`,
        'Try `quorum help`.',
        verbs,
      );
    }
  }
}

/** Without a config what is printed is for one with nothing special: it is needed before tokens and permissions exist. */
async function configOrEmpty(path: string, named: string | undefined): Promise<Config> {
  return await readConfig(path, process.env, []).catch((error: unknown) => {
    const isNamed = named !== undefined || process.env.QUORUM_CONFIG !== undefined;
    if (!isNamed && !existsSync(path)) return emptyConfig();
    throw error;
  });
}

/** Follows the audit's chain in Redis from its beginning. */
async function verify(config: Config): Promise<number> {
  const [{ connectChanges }, { verifyAudit }] = await Promise.all([
    import('./redis/change-client.ts'),
    import('./audit.ts'),
  ]);
  let trouble = '';
  const changes = connectChanges(
    config.redis,
    (error) => {
      trouble = error.message;
    },
    () => {},
  );
  try {
    const verified = await verifyAudit(changes.audit());
    if (verified.kind === 'whole') {
      process.stdout.write(
        `The audit is whole: ${count(verified.head.number, 'entry', 'entries')}, each following the one before. Its end is ${verified.head.digest || 'empty'}.\n`,
      );
      return exitCodes.ok;
    }
    process.stdout.write(
      `Entry ${verified.number} of the audit is broken: ${verified.why}.\nCompare it with the log of the bot, which has every entry too (event "audit").\n`,
    );
    return exitCodes.findings;
  } catch (error) {
    throw new Refusal(
      `The audit cannot be read: ${trouble === '' ? messageOf(error) : trouble}.`,
      'Start Redis, or correct redis.url; `quorum check` tells more.',
    );
  } finally {
    await changes.close();
  }
}

const rbacOptions = {
  cluster: { type: 'string' },
  namespace: { type: 'string', short: 'n', multiple: true },
  'service-account': { type: 'string' },
  user: { type: 'string' },
} as const;
const knownOptions = {
  config: { type: 'string' },
  output: { type: 'string' },
  recorded: { type: 'string' },
  chart: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
  ...rbacOptions,
} as const;

function options(args: readonly string[]) {
  try {
    const parsed = parseArgs({ args: [...args], allowPositionals: true, options: knownOptions });
    const isRbac = parsed.positionals[0] === 'rbac';
    // Elsewhere they belong into the quotes of the command.
    for (const name of Object.keys(parsed.values))
      if (name in rbacOptions && !isRbac) throw new Error(`Unknown option '--${name}'`);
    return parsed;
  } catch (error) {
    const flag = /'--([a-z-]+)/.exec(messageOf(error))?.[1];
    const elsewhere = Object.keys(rbacOptions);
    const near =
      flag === undefined || elsewhere.includes(flag)
        ? undefined
        : nearest(
            flag,
            Object.keys(knownOptions).filter((name) => !elsewhere.includes(name)),
          );
    throw new Refusal(
      flag === undefined
        ? messageOf(error)
        : `There is no option --${flag} here${near === undefined || near === flag ? '' : `; did you mean --${near}?`}`,
      'A Slack command goes in quotes: quorum run "/etcd health --cluster prod". `quorum help` lists the options.',
    );
  }
}

async function runCommands(
  words: readonly string[],
  values: { config?: string; output?: string; recorded?: string; chart?: string },
  path: string,
): Promise<number> {
  const output = values.output ?? 'text';
  if (output !== 'text' && output !== 'json') throw new Refusal(`--output is ${output}.`, 'Use text or json.');
  const [first] = words;
  if (first === undefined)
    throw new Refusal(
      'There is no command to run.',
      'Put one in quotes: quorum run "/etcd health". `quorum run "/help"` lists them.',
    );

  const charts = values.chart === undefined ? undefined : await import('./report/chart-file-client.ts');
  if (values.chart !== undefined) charts?.demandChartFile(values.chart, first);

  const [{ commands }, { connectClusters }, { runLine }, { reportJson }, { renderTerminal }] = await Promise.all([
    import('../commands/index.ts'),
    import('./clusters-client.ts'),
    import('./run.ts'),
    import('./report/report.ts'),
    import('./report/terminal.ts'),
  ]);
  const read = await readConfig(path, process.env, ['etcd', 'kubernetes', 'prometheus']).catch((error: unknown) => {
    if (error instanceof Refusal) return error;
    throw error;
  });
  const config: Config = read instanceof Refusal ? emptyConfig() : read;
  const clusters = connectClusters(config, values.recorded);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const terminal = {
    commands,
    config,
    clients: clusters,
    signal: stop.signal,
    seenFrom: hostname(),
    now: () => new Date(),
    readFile: readTextFile,
    fault: (id: string, error: unknown) =>
      process.stderr.write(`${id}: ${error instanceof Error ? error.stack : String(error)}\n`),
    ...(read instanceof Refusal ? { configRefusal: read } : {}),
    ...(values.recorded === undefined ? {} : { clusters: ['recorded'] }),
  };
  const colours = process.stdout.isTTY && process.env.NO_COLOR === undefined ? 'coloured' : 'plain';
  const print = (report: Report) => {
    const text = output === 'json' || first === '-' ? jsonLine(reportJson(report)) : renderTerminal(report, colours);
    writeAll(`${text}\n`);
  };
  const answer = async (line: string) => {
    try {
      return await runLine(line, terminal);
    } catch (error) {
      // A fault in one line is that line's answer: the lines after it are still read.
      const id = 'intake';
      terminal.fault(id, error);
      return refusalReport(
        new Refusal('Failed: a fault in Quorum.', 'The details are on standard error.'),
        { command: line.slice(0, 80) },
        new Date(),
      );
    }
  };

  let worst = 0;
  try {
    if (first !== '-') {
      const report = await answer(words.join(' '));
      print(report);
      worst = exitCodes[report.verdict];
      if (values.chart !== undefined) await charts?.writeChart(report, values.chart);
    } else {
      process.stdin.setEncoding('utf8');
      for await (const line of linesOf(process.stdin)) {
        if (line === '') continue;
        const report = await answer(line.replace(/\r$/, ''));
        print(report);
        worst = Math.max(worst, exitCodes[report.verdict]);
      }
    }
  } finally {
    await clusters.close();
  }
  return worst;
}

/** One line whoever splits it: some readers also take U+0085, U+2028 and U+2029 for the end of a line. */
function jsonLine(value: object): string {
  return JSON.stringify(value).replace(
    /[\u0085\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Written at once and whole: a pipe that is read slowly must not lose the end of a long answer. */
function writeAll(text: string): void {
  const bytes = Buffer.from(text);
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      else if (code === 'EPIPE') process.exit(exitCodes.unknown);
      else throw error;
    }
  }
}
