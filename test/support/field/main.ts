import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { etcdAdd } from '../../../jobs/etcd/add.ts';
import type { Context, Outcome } from '../../../src/job.ts';
import type { ManagedMember } from '../etcd-member.ts';
import { waitFor } from '../process.ts';
import { type DrivenChange, driveChange } from '../step-driver.ts';
import type { FieldCase, FieldResult } from './case.ts';
import { type FieldCluster, startFieldCluster } from './cluster.ts';
import { comesFrom, cutOff, fieldNode, layOutNetwork, reconnect } from './network.ts';

// Runs in a network of its own: reads cases.json from the folder that is given, and leaves results.json there.
const [folder = '.'] = process.argv.slice(2);
const { cases, hosts }: { cases: Record<string, FieldCase>; hosts: Record<string, string> } = JSON.parse(
  readFileSync(join(folder, 'cases.json'), 'utf8'),
);
layOutNetwork([11, 12, 13, 14, 15], hosts, folder);
const families = [...new Set(Object.values(cases).map(({ cluster }) => cluster))];
const clusters = new Map(
  await Promise.all(families.map(async (family) => [family, await startFieldCluster(family)] as const)),
);
const results: Record<string, FieldResult | { readonly error: string }> = {};
for (const [title, one] of Object.entries(cases)) {
  const cluster = clusters.get(one.cluster);
  if (cluster === undefined) throw new Error(`no cluster for ${title}`);
  results[title] = await carryOut(cluster, one).catch((error: unknown) => ({ error: String(error) }));
}
await Promise.all([...clusters.values()].map((cluster) => cluster.stop()));
writeFileSync(join(folder, 'results.json'), JSON.stringify(results));

async function carryOut(cluster: FieldCluster, one: FieldCase): Promise<FieldResult> {
  const node = fieldNode(14);
  await cluster.share(one.sharedNames ?? []);
  comesFrom(node.user, one.comesFrom ?? node.ip);
  if (one.botIs === 'cut off') cutOff(node.ip);
  const peer = one.certificate === 'the shared one' ? cluster.shared() : await cluster.certificate(one.certificate);
  const newcomer = await cluster.prepare(one.peerUrl, peer);
  const context: Context = {
    clients: { etcd: async () => cluster.bot, kubernetes: async () => Promise.reject(new Error('there is none')) },
    now: () => new Date(),
    signal: new AbortController().signal,
    progress() {},
  };
  const { plan, checks } = await etcdAdd.propose(
    {
      cluster: 'prod',
      name: 'etcd-4',
      peerUrls: [one.peerUrl],
      as: 'learner-then-promote',
      spare: [],
      certificate: one.handedOver === 'yes' ? peer.certPem : null,
      startTimeoutMs: 60_000,
    },
    context,
  );
  const before = cluster.members.map((member) => member.log().length);
  // Carried out whatever the checks say: without them this is what people do by hand.
  const change = driveChange(etcdAdd, plan, context.clients);
  await change.run({ until: 'Started' });
  const id = String(change.intent.addedMemberId);
  try {
    await newcomer.join([...cluster.members, { name: 'etcd-4', peerUrl: one.peerUrl }]);
    const { outcome, said } = await watch(cluster, newcomer, change, id);
    const listed = (await cluster.bot.membership.list()).value?.find((member) => member.id === id);
    return {
      checks: checks.map(({ name, status, seen }) => ({ name, status, seen })),
      outcome,
      exitCode: outcome === 'exits' ? ((await newcomer.process()?.exited)?.code ?? null) : null,
      newLog: newcomer.log(),
      oldLog: cluster.members.map((member, index) => member.log().slice(before[index])).join('\n'),
      done: change.log.filter((line) => line.endsWith(': done')).map((line) => line.replace(': done', '')),
      said,
      listed: { name: listed?.name ?? 'none', isLearner: listed?.isLearner ?? false },
    };
  } finally {
    await newcomer.close();
    if (one.botIs === 'cut off') reconnect(node.ip);
    await takeOut(cluster, id);
  }
}

/** Etcd's own outcome, by its process, its list and its members' metrics; and then what the bot's change makes of it. */
async function watch(
  cluster: FieldCluster,
  newcomer: ManagedMember,
  change: DrivenChange,
  id: string,
): Promise<Pick<FieldResult, 'outcome' | 'said'>> {
  const isThere = async () =>
    !newcomer.isRunning() ||
    (await cluster.bot.membership.list()).value?.some((member) => member.id === id && member.name !== '');
  await waitFor('the end of its start', isThere, { timeoutMs: 30_000, everyMs: 20 });
  if (!newcomer.isRunning()) return { outcome: 'exits', said: told(await change.run({ until: 'Started' })) };
  // Links are made within some heartbeats; a dial that is refused is tried again every 100 ms, and the count comes and goes with it.
  let seen: { readonly outcome: 'joins' | 'zombie' | undefined; readonly since: number } | undefined;
  const isSettled = async () => {
    const links = await cluster.linksTo(id);
    const isZombie = links.every((isLinked) => isLinked === false);
    const outcome = isZombie ? 'zombie' : links.every((isLinked) => isLinked === true) ? 'joins' : undefined;
    if (seen?.outcome !== outcome) seen = { outcome, since: performance.now() };
    return outcome !== undefined && performance.now() - (seen?.since ?? 0) > 500 && outcome;
  };
  const outcome = await waitFor('its links, or their absence', isSettled, { timeoutMs: 30_000, everyMs: 50 });
  if (outcome === 'joins') return { outcome, said: told(await change.run()) };
  await change.run({ until: 'Certificate and links fine' });
  return { outcome, said: told(await change.run({ aheadMs: 61_000 })) };
}

function told(outcome: Outcome): string {
  if (outcome.kind === 'blocked') return outcome.refusal.message;
  return outcome.kind === 'waiting' ? outcome.reason : 'done';
}

async function takeOut(cluster: FieldCluster, id: string): Promise<void> {
  await waitFor(
    'its removal',
    async () => {
      const { asked } = await cluster.bot.see();
      const leader = asked.find(({ status }) => status?.leaderId === status?.memberId)?.endpoint;
      if (leader !== undefined) await cluster.bot.membership.remove(leader, id);
      return (await cluster.bot.membership.list()).value?.every((member) => member.id !== id);
    },
    { timeoutMs: 30_000, everyMs: 200 },
  );
}
