import type { Check, Proposal } from '../job.ts';
import { Refusal } from '../refusal.ts';
import type { Section } from '../report/report.ts';
import { listed } from '../report/text.ts';
import { type CertificateFacing, certificateChecks, expectedCertificate, isPeerTls } from './certificate-checks.ts';
import { certificateRequestSections } from './certificate-request.ts';
import {
  alarmsCheck,
  errorsCheck,
  leaderCheck,
  learnerCheck,
  ok,
  quorumSection,
  restartCheck,
  snapshotCheck,
  unstartedCheck,
  votersAnswerCheck,
  votersOf,
  worstChecksFirst,
} from './checks.ts';
import type { KnownCluster } from './member-reference.ts';
import { peerUrlChecks } from './peer-url-checks.ts';
import type { PeersSeen } from './peers.ts';
import { majorityOf } from './quorum.ts';
import type { SnapshotAge } from './snapshot-age.ts';
import { versionChecks } from './version-checks.ts';

/** What is decided when a member is added: policies, and nothing that changes by itself. */
export type AddPlan = {
  readonly cluster: string;
  readonly name: string;
  /** Sorted, in one spelling. */
  readonly peerUrls: readonly string[];
  readonly as: 'learner-then-promote' | 'voter';
  /** Addresses for later nodes: they go into the certificate that is offered. Sorted. */
  readonly spare: readonly string[];
  /** How long the new member may take to start. */
  readonly startTimeoutMs: number;
};

/** How long a new member may take to start, where nothing else is said. */
export const defaultStartTimeoutMs = 30 * 60_000;

export type AddFacts = {
  readonly view: KnownCluster;
  readonly peers: PeersSeen;
  /** PEM text of the new node's certificate; null where none was handed over. */
  readonly certificate: string | null;
  readonly snapshot: SnapshotAge;
  readonly now: Date;
};

/**
 * The plan to add a member, with everything that is known to go wrong looked at. Pure.
 * @throws Refusal for a voter beside a single member: its quorum would be lost in the same moment
 */
export function planAdd(plan: AddPlan, facts: AddFacts): Omit<Proposal<AddPlan>, 'target'> {
  const { view } = facts;
  if (plan.as === 'voter' && votersOf(view).length === 1)
    throw new Refusal(
      `${plan.cluster} has one voter: with a second one that has not started yet it loses its quorum at once, and all writes stop.`,
      'Leave out --voter: as a learner it joins without a vote, and is promoted once it has caught up.',
    );
  const facing: CertificateFacing = { ...facts, given: facts.certificate, peerUrls: plan.peerUrls, as: plan.as };
  const certificates = certificateChecks(facing);
  return {
    plan,
    checks: addChecks(plan, facts, certificates),
    words: describeAdd(plan),
    sections: [
      quorumSection(quorumStages(plan, view)),
      ...(needsCertificate(certificates, facing) ? certificateRequestSections(plan, view, facts.peers) : []),
    ],
  };
}

function addChecks(plan: AddPlan, { view, peers, snapshot, now }: AddFacts, certificates: readonly Check[]): Check[] {
  return worstChecksFirst([
    ...readinessChecks(view),
    restartCheck(view, now),
    ...startingQuorumCheck(plan, view),
    ...peerUrlChecks(view, peers, plan.name, plan.peerUrls),
    ...certificates,
    ...versionChecks(view, plan.as),
    snapshotCheck(view, snapshot),
  ]);
}

/** What etcd itself wants before it lets anybody in, and what would make the outcome hard to tell. */
export function readinessChecks(view: KnownCluster): Check[] {
  return [
    votersAnswerCheck(view),
    leaderCheck(view),
    errorsCheck(view),
    alarmsCheck(view),
    unstartedCheck(view),
    learnerCheck(view),
  ];
}

/** A voter counts from the moment it is added, long before it votes. */
function startingQuorumCheck({ as }: AddPlan, view: KnownCluster): Check[] {
  if (as === 'learner-then-promote') return [];
  const name = 'The quorum stands while it starts';
  const voters = view.quorum.voters + 1;
  const needed = majorityOf(voters);
  const spare = view.working - needed;
  const seen = `Added as a voter it counts at once: ${voters} voters, ${needed} needed, ${view.working} working until it has started`;
  if (spare < 0)
    return [
      {
        name,
        status: 'blocking',
        seen: `${seen}: all writes would stop.`,
        advice: 'Leave out --voter, so that it joins as a learner.',
      },
    ];
  if (spare === 0)
    return [
      {
        name,
        status: 'warning',
        seen: `${seen}: until then the loss of one stops all writes.`,
        advice: 'Leave out --voter: a learner costs nothing while it starts.',
      },
    ];
  return [ok(name, `${seen}.`)];
}

function quorumStages({ name, as }: AddPlan, view: KnownCluster) {
  const { voters } = view.quorum;
  const { working } = view;
  return [
    { stage: 'Now', voters, working },
    as === 'voter'
      ? { stage: `${name} added, not started`, voters: voters + 1, working }
      : { stage: `${name} as a learner`, voters, working },
    { stage: as === 'voter' ? `${name} started` : `${name} promoted`, voters: voters + 1, working: working + 1 },
  ];
}

function needsCertificate(certificates: readonly Check[], facing: CertificateFacing): boolean {
  if (!isPeerTls(facing.view)) return false;
  const isFaulty = certificates.some(({ name, status }) => /^The certificate /.test(name) && status === 'blocking');
  return isFaulty || expectedCertificate(facing).source === 'unknown';
}

/** The plan in words. */
export function describeAdd({ cluster, name, peerUrls, as }: AddPlan): string {
  const where = `add ${name} at ${listed(peerUrls)} to ${cluster}`;
  return as === 'voter' ? `${where} as a voter at once` : `${where} as a learner, then promote it`;
}

/** What the bot cannot do: wherever the members are named. */
export function leftToDoAfterAdd(plan: AddPlan, view: KnownCluster, apiServersToName: readonly string[]): Section {
  const added = view.members.find(({ member }) => member.name === plan.name);
  const endpoint = listed(added?.member.clientUrls ?? []) || 'its client URL';
  const { voters } = view.quorum;
  return {
    kind: 'text',
    title: 'What is left to do',
    text: [
      ...(voters % 2 === 0
        ? [
            `${plan.cluster} has ${voters} voters and can lose ${voters - majorityOf(voters)}, as ${voters - 1} can. Grow to ${voters + 1}, which can lose ${voters + 1 - majorityOf(voters + 1)}.`,
          ]
        : []),
      `Put ${endpoint} into the clients that name their endpoints.`,
      apiServersToName.length > 0
        ? `Put it into --etcd-servers of ${listed(apiServersToName)}.`
        : 'Put it into --etcd-servers of every kube-apiserver that does not name it yet.',
      `Put it into \`etcd.clusters.${plan.cluster}.endpoints\` in the bot's configuration.`,
      'Back up from it as from the others, and let the monitoring ask it.',
    ].join('\n'),
  };
}
