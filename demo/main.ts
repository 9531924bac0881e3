import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { commands } from '../commands/index.ts';
import { connectClusters } from '../src/clusters-client.ts';
import type { Config } from '../src/config.ts';
import { usageOf } from '../src/grammar.ts';
import { start } from '../src/serve.ts';
import { codeOf, messageOf } from '../src/thrown.ts';
import { type EtcdTestCluster, startEtcd } from '../test/support/etcd.ts';
import { isEtcdGiven } from '../test/support/etcd-given.ts';
import { type KubernetesApi, startKubernetes } from '../test/support/kubernetes/api.ts';
import { type Fate, runControllers } from '../test/support/kubernetes/controllers.ts';
import { type Fields, listAt } from '../test/support/kubernetes/object.ts';
import { loadRecorded, recordedPods } from '../test/support/kubernetes/recorded.ts';
import { localConfig } from '../test/support/local-config.ts';
import { makeFolder, removeFolder, waitFor } from '../test/support/process.ts';
import { startRedis } from '../test/support/redis.ts';
import type { Thread } from '../test/support/slack/model.ts';
import { type SlackWorkspace, startSlack } from '../test/support/slack/server.ts';
import { snapshotsTo, withSnapshots } from '../test/support/snapshots.ts';
import { prepareMachines } from './machines.ts';
import { demoQuotaBytes, prepareStore } from './store.ts';
import { demoNamespace, prepareWorkload } from './workload.ts';

/** How long an answer may take before the demo says that none came. */
const answerWithinMs = 30_000;

const usage = `npm run demo                              everything on loopback, and one address to open
npm run demo -- --once "/etcd health"     one command, its thread on standard output
npm run demo -- --port 8080               the page on a port of your choice
`;

/**
 * Starts everything that Quorum talks to on loopback, in a temporary folder, and the bot itself.
 * @returns the exit code; without --once when it was stopped
 */
export async function main(args: readonly string[]): Promise<number> {
  let options: ReturnType<typeof optionsOf>;
  try {
    options = optionsOf(args);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${usage}`);
    return 2;
  }
  if (options.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  // The servers' processes do not keep this one alive, and neither does a signal handler.
  const alive = setInterval(() => {}, 1 << 30);
  const demo = new Demo();
  const port = Number(options.port ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    process.stderr.write(
      `--port ${options.port} is not a port.\nName one between 1 and 65535, or none for a free one.\n`,
    );
    clearInterval(alive);
    return 2;
  }
  try {
    await demo.start(port);
    if (options.once !== undefined) return await demo.once(options.once);
    await demo.prepare();
    process.stdout.write(
      `\n  Quorum is running: open ${demo.pageUrl}\n\n  At the left, kill a pod: then press Set these flags under what is told, and approve it as Bob. Or let the cluster grow, fill its store; try /etcd health, /oom why ${recordedPods.heapSpace}. Ctrl-C ends all of it.\n\n`,
    );
    await stopped;
    process.stderr.write('Ending …\n');
    return 0;
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw error;
    process.stderr.write(`Port ${port} is taken.\nName another one, or none for a free one.\n`);
    return 1;
  } finally {
    await demo.stop();
    clearInterval(alive);
  }
}

function optionsOf(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: { once: { type: 'string' }, port: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  }).values;
}

/** The recorded JVMs live where their heap is bounded, and are killed again where it is not. */
function fateInDemo(template: Fields): Fate {
  const isBounded = listAt(template, 'spec', 'containers').some((container) =>
    /-Xmx|MaxRAMPercentage/.test(JSON.stringify(container.env ?? [])),
  );
  return isBounded ? 'runs' : 'dies';
}

/** The parts that run, ended in the reverse order. */
class Demo {
  private readonly ends: (() => Promise<unknown>)[] = [];
  private workspace: SlackWorkspace | undefined;
  private etcd: EtcdTestCluster | undefined;
  private kubernetes: KubernetesApi | undefined;
  private readonly finished = new Set<string>();
  private channel = '';
  private people = { ann: '', bob: '' };

  get pageUrl(): string {
    return this.slack.pageUrl;
  }

  private get slack(): SlackWorkspace {
    if (this.workspace === undefined) throw new Error('the demo has not started');
    return this.workspace;
  }

  async start(port: number): Promise<void> {
    const folder = makeFolder('quorum-demo');
    this.ends.push(async () => removeFolder(folder));
    const kubeconfig = join(folder, 'kubeconfig');
    // Ended whatever becomes of the others: each is noted as soon as it runs.
    const noted = <T>(starting: Promise<T>, end: (part: T) => Promise<unknown>): Promise<T> =>
      starting.then((part) => {
        this.ends.push(() => end(part));
        return part;
      });
    const started = await Promise.allSettled([
      noted(startRedis({ appendonly: true }), (part) => part.stop()),
      noted(startEtcd(isEtcdGiven() ? {} : { peerCertificates: 'shared', quotaBytes: demoQuotaBytes }), (part) =>
        part.stop(),
      ),
      noted(startKubernetes(loadRecorded({ now: new Date() })), (part) => part.stop()),
      noted(startSlack({ page: true, port, workspace: { commands: slashCommands() } }), (part) => part.stop()),
    ] as const);
    for (const part of started) if (part.status === 'rejected') throw part.reason;
    const [redis, etcd, kubernetes, slack] = started.map((part) =>
      part.status === 'fulfilled' ? part.value : undefined,
    ) as [
      Awaited<ReturnType<typeof startRedis>>,
      EtcdTestCluster,
      Awaited<ReturnType<typeof startKubernetes>>,
      SlackWorkspace,
    ];
    await kubernetes.writeKubeconfig(kubeconfig);
    const controllers = runControllers(kubernetes, { fate: fateInDemo, stepMs: 1500 });
    this.ends.push(async () => controllers.stop());
    this.workspace = slack;
    this.etcd = etcd;
    this.kubernetes = kubernetes;
    const ann = slack.addUser({ name: 'ann', realName: 'Ann Okafor' });
    const bob = slack.addUser({ name: 'bob', realName: 'Bob Lindqvist' });
    const guest = slack.addUser({ name: 'gus', realName: 'Gus (guest)', isGuest: true });
    this.people = { ann: ann.id, bob: bob.id };
    this.channel = slack.addChannel({ name: 'ops', members: [ann.id, bob.id, guest.id], botIsMember: true }).id;
    slack.addChannel({ name: 'random', members: [ann.id, bob.id], botIsMember: false });

    const local = localConfig({
      slack,
      redis,
      etcd: { prod: etcd },
      kubeconfigs: { prod: kubeconfig },
      allowFixes: true,
      access: { operators: [ann.id], approvers: [bob.id] },
    });
    const config = watched(withSnapshots(local, 'prod', snapshotsTo(join(folder, 'snapshots'))), this.channel, bob.id);
    const running = await start(config, ['bot', 'worker'], {
      log: pino({ level: 'info' }, { write: (line: string) => this.heard(line) }),
      clusters: connectClusters(config),
    });
    this.ends.push(() => running.stop());
  }

  /** What the page opens on: a pod that keeps dying, asked about and answered; a workload whose pods can be killed, two machines that may become members, and a store that can be filled. */
  async prepare(): Promise<void> {
    const { ann, bob } = this.people;
    // A cluster that was given is not ours to let grow.
    const machines = [
      ...(this.kubernetes === undefined ? [] : [prepareWorkload(this.kubernetes)]),
      ...(this.etcd === undefined || this.etcd.given
        ? []
        : [...(await prepareMachines(this.etcd)), prepareStore(this.etcd)]),
    ];
    for (const machine of machines) {
      this.ends.push(() => machine.stop());
      this.slack.addMachine(machine);
    }
    this.slack.say(bob, this.channel, 'checkout keeps restarting since the deploy, every few minutes. Anybody?');
    await this.ask('/etcd health', bob);
    await this.ask(`/oom why ${recordedPods.unaware}`, ann);
  }

  async once(command: string): Promise<number> {
    const before = this.slack.channel(this.channel).at(-1)?.ts ?? '0';
    const line = command.startsWith('/') ? command : `/${command}`;
    const { status, shown } = await this.slack.slash(this.people.ann, this.channel, line);
    if (status !== 'ok' || shown !== null) {
      process.stdout.write(`${shown?.plain ?? `Slack would show ${status} here.`}\n`);
      return status === 'ok' ? 0 : 1;
    }
    const thread = await this.answered(before);
    process.stdout.write(`${this.slack.threadText(this.channel, thread.ts)}\n`);
    return 0;
  }

  /** The bot's log: what it answered is noted, trouble is shown. */
  private heard(line: string): void {
    const { level, event, id, change } = JSON.parse(line);
    if (event === 'answered') this.finished.add(id);
    // What waits for an approval is shown by its own id.
    if (event === 'proposed') this.finished.add(change);
    if (level >= 40) process.stderr.write(line);
  }

  private async ask(line: string, who: string): Promise<void> {
    const before = this.slack.channel(this.channel).at(-1)?.ts ?? '0';
    // On a machine that is busy with starting all of this the bot's connection may be lost once, and is made again.
    await waitFor(
      'the bot to take a command',
      async () => this.slack.connections() > 0 && (await this.slack.slash(who, this.channel, line)).status === 'ok',
      { timeoutMs: answerWithinMs, everyMs: 100 },
    );
    await this.answered(before);
  }

  /** The next thread, once its last message stands there. */
  private async answered(sinceTs: string): Promise<Thread> {
    const next = () =>
      this.slack.channel(this.channel).find(({ ts, source }) => Number(ts) > Number(sinceTs) && source === 'bot');
    return await waitFor(
      'an answer in the thread',
      () => {
        const thread = next();
        return (
          thread !== undefined && [...this.finished].some((id) => JSON.stringify(thread.blocks).includes(id)) && thread
        );
      },
      { timeoutMs: answerWithinMs },
    );
  }

  async stop(): Promise<void> {
    for (const end of this.ends.splice(0).reverse()) {
      await end().catch((error: unknown) => process.stderr.write(`while ending: ${messageOf(error)}\n`));
    }
  }
}

/** One namespace of the cluster is watched, and somebody is called when a pod dies there. */
function watched(config: Config, channel: string, mention: string): Config {
  return {
    ...config,
    watch: [{ channel, mention, namespaces: [demoNamespace], labels: {}, annotations: {} }],
  };
}

function slashCommands() {
  return [...new Map(commands.map((command) => [command.name.split(' ')[0] ?? '', command])).keys()].map((noun) => {
    const ofNoun = commands.filter((command) => command.name.startsWith(`${noun} `));
    return {
      command: `/${noun}`,
      description: ofNoun.map(({ summary }) => summary).join(' · '),
      usageHint: ofNoun.map((command) => usageOf(command).replace(`/${noun} `, '')).join(' | '),
      examples: ofNoun.map(({ examples: [first = ''] }) => first),
    };
  });
}
