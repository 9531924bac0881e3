import { setTimeout as wait } from 'node:timers/promises';
import { etcdHealth } from '../jobs/etcd/health.ts';
import { findBinary } from '../scripts/binaries.mjs';
import { type Clusters, connectClusters } from '../src/clusters-client.ts';
import { readConfig } from '../src/config-client.ts';
import type { Context } from '../src/job.ts';
import type { Report } from '../src/report/report.ts';
import { openBareEtcd } from './bare-etcd.ts';
import { type Ground, writeConfig } from './ground.ts';
import { alternate, compare, type Round, timeMs, timesMs } from './rounds.ts';
import { type Row, row } from './row.ts';

const rounds = 40;
const perRound = 10;
const etcdctlRounds = 10;
const freshReaders = 12;
/** The product takes metrics to be current for 10 s. */
const metricsStaleMs = 10_200;
const deadlineMs = 1000;

/** A look at the cluster as `/etcd health` does it, from the job's start to its report. */
type Look = { run(): Promise<Report>; close(): Promise<void> };

/** Looks whose connections are open and whose metrics grow stale while other things are measured. */
export type StaleLooks = { readonly since: number; readonly looks: readonly Look[] };

async function openLook(ground: Ground): Promise<Look> {
  const config = await readConfig(writeConfig(ground, 'health', 'socket'), {}, []);
  const clusters: Clusters = connectClusters(config);
  const context: Context = {
    clients: clusters,
    now: () => new Date(),
    signal: new AbortController().signal,
    progress() {},
  };
  return {
    run: () => etcdHealth.run({ cluster: 'prod' }, context),
    close: () => clusters.close(),
  };
}

export async function openStaleLooks(ground: Ground): Promise<StaleLooks> {
  const looks = await Promise.all(Array.from({ length: freshReaders }, () => openLook(ground)));
  for (const look of looks) await runWell(look);
  return { since: performance.now(), looks };
}

/** Warm, against the bare calls and against etcdctl; and with metrics read anew. */
export async function benchHealth(ground: Ground, stale: StaleLooks): Promise<Row[]> {
  const bare = openBareEtcd(ground.etcd);
  const look = await openLook(ground);
  try {
    await timesMs(150, () => runWell(look));
    await timesMs(150, () => bare.ask());
    const warm = await alternate(
      rounds,
      () => timesMs(perRound, () => runWell(look)),
      () => timesMs(perRound, () => bare.ask()),
    );
    await timesMs(5, () => bare.askWithMetrics());
    const anew = await withStaleMetrics(stale, () => bare.askWithMetrics());
    return [
      row(warm, {
        what: '/etcd health, warm',
        baselineIs: 'bare gRPC calls',
        aim: { kind: 'ratio', atMost: 1.3 },
        note: 'MemberList, Alarm and 3 × Status at once, against the job from its start to its report. While all is well metrics are read at most every 10 s: this is a look between two readings',
      }),
      row(anew, {
        what: '/etcd health, warm, metrics read anew',
        baselineIs: 'bare gRPC calls and GET /metrics',
        aim: { kind: 'none' },
        note: 'the first look in 10 s, which reads and parses each member’s /metrics (some 100 KB) besides; the baseline reads them too',
      }),
      ...(await etcdctlRows(ground, look)),
    ];
  } finally {
    bare.close();
    await Promise.all([look, ...stale.looks].map((each) => each.close()));
  }
}

async function withStaleMetrics({ since, looks }: StaleLooks, askBare: () => Promise<void>) {
  await wait(Math.max(0, since + metricsStaleMs - performance.now()));
  const measured: Round[] = [];
  for (const look of looks) {
    measured.push({ ours: await timeMs(() => runWell(look)), baseline: await timeMs(askBare) });
  }
  return compare(measured);
}

async function etcdctlRows({ etcd }: Ground, look: Look): Promise<Row[]> {
  if (findBinary('etcdctl') === undefined) return [];
  const etcdctl = async () => {
    const { exitCode, stderr } = await etcd.etcdctl(['endpoint', 'health', '--cluster']);
    if (exitCode !== 0) throw new Error(`etcdctl: ${stderr}`);
  };
  const measured = await alternate(
    etcdctlRounds,
    () => timesMs(3, () => runWell(look)),
    () => timesMs(3, etcdctl),
  );
  return [
    row(measured, {
      what: '/etcd health, warm',
      baselineIs: 'etcdctl endpoint health --cluster',
      aim: { kind: 'ratio', atMost: 0.25, words: '4 times faster' },
      note: 'the bot’s connections are open already; etcdctl is a whole process with new ones, as a person starts it',
    }),
  ];
}

/** Each member hung in turn, the leader too: the others are asked as ever, and the answer comes with the deadline. */
export async function benchHung(ground: Ground): Promise<Row[]> {
  const { etcd } = ground;
  if (etcd.given) return [];
  const look = await openLook(ground);
  const measured: Round[] = [];
  try {
    for (const member of etcd.members) {
      await timesMs(3, () => runWell(look));
      member.pause();
      try {
        const ours = await timeMs(async () => {
          const report = await look.run();
          if (report.verdict !== 'findings')
            throw new Error(`${member.name} hangs, and the report says: ${report.summary}`);
        });
        measured.push({ ours, baseline: deadlineMs });
      } finally {
        member.resume();
      }
      await etcd.ready();
      // Whoever was hung has to catch up before the cluster is well again.
      await untilWell(look);
    }
  } finally {
    await look.close();
  }
  const worst = Math.max(...measured.map(({ ours }) => ours));
  return [
    row(compare(measured), {
      what: '/etcd health, one member hung',
      baselineIs: 'the deadline',
      aim: { kind: 'ratio', atMost: 1.1 },
      note: `SIGSTOP to each of the members in turn, the leader too; the slowest took ${worst.toFixed(0)} ms`,
    }),
  ];
}

async function untilWell(look: Look): Promise<void> {
  const giveUpAt = performance.now() + 10_000;
  for (;;) {
    const { verdict, summary } = await look.run();
    if (verdict === 'ok') return;
    if (performance.now() > giveUpAt) throw new Error(`the cluster is not well again after 10 s: ${summary}`);
    await wait(50);
  }
}

/** A look that finds something else than a healthy cluster measures something else. */
async function runWell(look: Look): Promise<void> {
  const { verdict, summary } = await look.run();
  if (verdict !== 'ok') throw new Error(`the cluster is not well: ${summary}`);
}
