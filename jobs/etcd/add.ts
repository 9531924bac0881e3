import { z } from 'zod';
import { type AddPlan, defaultStartTimeoutMs, leftToDoAfterAdd, planAdd } from '../../src/etcd/add-plan.ts';
import { addedMemberId, additionIntent, ensureAdded } from '../../src/etcd/addition.ts';
import { seeApiServers } from '../../src/etcd/api-servers.ts';
import { ensureCalm } from '../../src/etcd/calm.ts';
import { peerUrlsOfMembers } from '../../src/etcd/certificate-checks.ts';
import type { EtcdCluster } from '../../src/etcd/client.ts';
import { ensureCaughtUp, ensureHandedOver, ensureLinked, ensureStarted, type Joining } from '../../src/etcd/joining.ts';
import { requireKnown } from '../../src/etcd/member-reference.ts';
import { intended } from '../../src/etcd/patience.ts';
import { requireCertificatePem } from '../../src/etcd/peer-certificate.ts';
import { ensurePromoted } from '../../src/etcd/promotion.ts';
import { seeSnapshotAge } from '../../src/etcd/snapshot-age.ts';
import { change, type Outcome, type Step, type StepContext } from '../../src/job.ts';
import { Refusal } from '../../src/refusal.ts';
import { quotedWord } from '../../src/shell-quoting.ts';

/** Adds a member: as a learner that is promoted once it is fit, or as a voter at once. One approval covers all of it. */
export const etcdAdd = change({
  name: 'etcd add',
  input: z.strictObject({
    cluster: z.string(),
    name: z.string(),
    peerUrls: z.array(z.string()).min(1).readonly(),
    as: z.enum(['learner-then-promote', 'voter']),
    spare: z.array(z.string()).readonly(),
    /** PEM text of the new node's peer certificate, without its key. */
    certificate: z.string().nullable(),
    startTimeoutMs: z.number().int().positive().default(defaultStartTimeoutMs),
  }),
  plan: z.strictObject({
    cluster: z.string(),
    name: z.string(),
    peerUrls: z.array(z.string()).min(1).readonly(),
    as: z.enum(['learner-then-promote', 'voter']),
    spare: z.array(z.string()).readonly(),
    startTimeoutMs: z.number().int().positive(),
  }),
  planVersion: 1,

  async propose(input, { clients, signal, now }) {
    const { cluster, name, peerUrls, as, spare, startTimeoutMs } = input;
    const certificate = input.certificate === null ? null : requireCertificatePem(input.certificate);
    const etcd = await clients.etcd(cluster);
    const view = requireKnown(await etcd.see(signal));
    const [peers, snapshot] = await Promise.all([
      etcd.seePeers({ members: peerUrlsOfMembers(view), fresh: peerUrls }),
      seeSnapshotAge(etcd, view.clusterId, now()),
    ]);
    const plan: AddPlan = {
      cluster,
      name,
      peerUrls: [...peerUrls].sort(),
      as,
      spare: [...spare].sort(),
      startTimeoutMs,
    };
    return {
      target: { kind: 'etcd', name: cluster, identity: view.clusterId },
      ...planAdd(plan, { view, peers, certificate, snapshot, now: now() }),
    };
  },

  steps: (plan: AddPlan) => [
    {
      title: 'Added',
      ensure: async (_plan, context) => ensureAdded(await context.clients.etcd(plan.cluster), plan, context),
    },
    whileJoining('Configuration handed over', plan, ensureHandedOver),
    whileJoining('Started', plan, ensureStarted),
    whileJoining('Caught up', plan, ensureCaughtUp),
    whileJoining('Certificate and links fine', plan, ensureLinked),
    ...(plan.as === 'voter' ? [] : [whileJoining('Promoted', plan, ensurePromoted)]),
    whileJoining('Cluster healthy', plan, async (etcd, { memberId }, context) =>
      ensureHealthyAfter(etcd, plan, memberId, context),
    ),
  ],

  undo: ({ cluster, name }, { intent }) => {
    const memberId = intent[additionIntent.memberId];
    if (typeof memberId !== 'string') return undefined;
    return {
      title: `Remove ${name} again`,
      line: ['etcd', 'remove', memberId, '--cluster', cluster].map(quotedWord).join(' '),
    };
  },
});

/** The steps after the first know the member by the id that it got. */
function whileJoining(
  title: string,
  { cluster, name, startTimeoutMs, spare }: AddPlan,
  ensure: (etcd: EtcdCluster, joining: Joining, context: StepContext) => Promise<Outcome>,
): Step<AddPlan> {
  return {
    title,
    async ensure(_plan, context) {
      const memberId = addedMemberId(context);
      if (memberId === undefined)
        return {
          kind: 'blocked',
          refusal: new Refusal(
            `Which member ${name} became is not written down, so nothing more is done.`,
            '`/etcd members` shows it; `/etcd promote` and `/etcd remove` take it by its id.',
          ),
        };
      return await ensure(await context.clients.etcd(cluster), { memberId, name, startTimeoutMs, spare }, context);
    },
  };
}

async function ensureHealthyAfter(
  etcd: EtcdCluster,
  plan: AddPlan,
  memberId: string,
  context: StepContext,
): Promise<Outcome> {
  const apiServers = await seeApiServers(context.clients, plan.cluster);
  const before = intended(context, additionIntent.healthBefore);
  return await ensureCalm(
    etcd,
    context,
    (view) => {
      const urls = view.members.find(({ member }) => member.id === memberId)?.member.clientUrls ?? [];
      const unnamed = (apiServers.servers ?? []).filter(
        ({ etcdServers }) => !etcdServers.some((url) => urls.includes(url)),
      );
      return [
        ...(before === undefined ? [] : [{ kind: 'text' as const, title: 'Health before', text: before }]),
        leftToDoAfterAdd(
          plan,
          view,
          unnamed.map(({ name }) => name),
        ),
      ];
    },
    [memberId],
  );
}
