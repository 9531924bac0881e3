import type { Asked } from './cluster.ts';
import { isEndpoint } from './endpoint.ts';
import { etcdctl } from './etcdctl.ts';
import { isTlsTrouble } from './failure.ts';
import { answeringEndpoints } from './look-commands.ts';
import { plainlySaid } from './said.ts';
import { evidenceOf, labelsOf, silentTroubles } from './silent-trouble.ts';
import { tlsTroubles } from './tls-trouble.ts';
import type { Trouble } from './trouble.ts';
import { type ClusterView, hostOf, type MemberView } from './view.ts';

/** Members that did not answer, or not as etcd would: told apart by what could be seen of them from here and by the others. */
export function reachTroubles(view: ClusterView, now: Date): Trouble[] {
  const failing = view.members.filter(({ asked }) => asked?.failure !== undefined);
  const isTls = (member: MemberView) => member.asked !== null && isRefusedByTls(member.asked);
  const isAuth = (member: MemberView) => /^(auth-|token-|permission)/.test(kindOf(member));
  return [
    ...tlsTroubles(failing.filter(isTls), view, now),
    ...authTroubles(failing.filter(isAuth), view),
    ...silentTroubles(
      failing.filter((member) => !isTls(member) && !isAuth(member)),
      view,
    ),
    ...peerUrlTroubles(view),
    ...view.strays.map((stray) => strayTrouble(stray, view)),
    ...(view.seen.members === null ? [nobodyTrouble(view)] : []),
  ];
}

const kindOf = (member: MemberView) => member.asked?.failure?.kind ?? 'other';

/** Whether TLS ended the call: as the call's error says, or as the probe does where that error was too general. */
export function isRefusedByTls({ failure, probe }: Asked): boolean {
  if (failure === undefined || probe?.speaksOtherScheme) return false;
  if (isTlsTrouble(failure.kind) && failure.kind !== 'not-tls') return true;
  return failure.code === 14 && /alert/.test(probe?.error ?? '');
}

function authTroubles(members: readonly MemberView[], view: ClusterView): Trouble[] {
  const [first] = members;
  const { seen } = view;
  const refused = seen.authFailure;
  if (
    refused !== undefined &&
    refused.kind !== 'auth-disabled' &&
    (first !== undefined || refused.kind === 'auth-wrong')
  )
    return [
      {
        severity: 'critical',
        grade: 'fact',
        claim:
          refused.kind === 'auth-wrong'
            ? `The cluster refuses the configured user ${seen.username ?? ''} and its password.`
            : `The configured user ${seen.username ?? ''} got no token.`,
        evidence: plainlySaid(refused.said),
        impact: 'The bot sees only what the cluster shows to everybody.',
        advice: `Correct auth under etcd.clusters.${seen.cluster} in the configuration.`,
        short: refused.kind === 'auth-wrong' ? 'user or password refused' : 'no token for the configured user',
        cause: 'auth',
      },
    ];
  if (first?.asked?.failure === undefined) return [];
  const isDenied = kindOf(first) === 'permission' && seen.username !== null;
  return [
    {
      severity: 'critical',
      grade: 'fact',
      claim: isDenied
        ? `The user ${seen.username} may not ask ${labelsOf(members, view)} for its status.`
        : `${labelsOf(members, view)} ${members.length === 1 ? 'wants' : 'want'} a user and a password, and ${seen.username === null ? 'none is configured' : 'took none'}.`,
      evidence: evidenceOf(first.asked),
      impact: 'The health of these members cannot be seen; nothing is known to be wrong with them.',
      advice: isDenied
        ? 'Give that user the role root, which etcd wants for maintenance calls.'
        : `Set auth.username and auth.password under etcd.clusters.${seen.cluster} in the configuration.`,
      short: isDenied ? 'permission denied' : 'authentication required',
      cause: 'auth',
    },
  ];
}

/** Whose peer URL leads to the same place. */
function ownerOfPeerUrl(endpoint: string, { members }: ClusterView): MemberView | undefined {
  return members.find(({ member }) =>
    member?.peerUrls.some((url) => isEndpoint(url) && hostOf(url) === hostOf(endpoint)),
  );
}

/** etcd 3.4 answers clients on its peer port too where that is without TLS; later ones do not. */
function peerUrlTroubles(view: ClusterView): Trouble[] {
  return view.seen.asked.flatMap(({ endpoint, status, isConfigured }) => {
    const owner = ownerOfPeerUrl(endpoint, view);
    const urls = owner?.member?.clientUrls ?? [];
    if (owner === undefined || status === undefined || !isConfigured) return [];
    if (urls.some((url) => isEndpoint(url) && hostOf(url) === hostOf(endpoint))) return [];
    return [
      {
        severity: 'warning',
        grade: 'fact',
        claim: `The configured endpoint ${endpoint} is the peer URL of ${owner.label}, not its client URL.`,
        evidence: `The member list has ${owner.label} with peer URL ${owner.member?.peerUrls.join(', ')} and client URL ${urls.join(', ') || 'none'}. ${endpoint} answers as version ${status.version} does.`,
        impact: 'None now: versions after 3.4 answer no client there, and with TLS none does.',
        advice: `Name ${urls[0] ?? 'its client URL (port 2379 by default)'} in the configuration instead.`,
        command: etcdctl(view.seen, [urls[0] ?? endpoint], 'member', 'list', '-w', 'table'),
        short: `${hostOf(endpoint)} is a peer URL`,
        cause: 'peer-url',
      } satisfies Trouble,
    ];
  });
}

function strayTrouble(stray: Asked, view: ClusterView): Trouble {
  const command = etcdctl(view.seen, answeringEndpoints(view), 'member', 'list', '-w', 'table');
  if (stray.status !== undefined) {
    const isForeign = stray.status.clusterId !== view.clusterId;
    return {
      severity: 'critical',
      grade: 'fact',
      claim: isForeign
        ? `The configured endpoint ${stray.endpoint} belongs to another cluster (${stray.status.clusterId}).`
        : `The configured endpoint ${stray.endpoint} is answered by ${stray.status.memberId}, which is no member of this cluster any more.`,
      evidence: `Status of ${stray.endpoint}: cluster ${stray.status.clusterId}, member ${stray.status.memberId}; the others: cluster ${view.clusterId}.`,
      impact: 'Clients that use this endpoint read and write other data than the rest.',
      advice: 'Take it out of the configuration of the bot and of every client.',
      command,
      short: isForeign
        ? `${hostOf(stray.endpoint)} is another cluster`
        : `${hostOf(stray.endpoint)} is a removed member`,
      cause: 'foreign-endpoint',
    };
  }
  const owner = ownerOfPeerUrl(stray.endpoint, view);
  return {
    severity: 'warning',
    grade: 'fact',
    claim:
      owner === undefined
        ? `The configured endpoint ${stray.endpoint} is the client URL of no member, and does not answer as one.`
        : `The configured endpoint ${stray.endpoint} is the peer URL of ${owner.label}, not its client URL.`,
    evidence: evidenceOf(stray),
    impact: 'None for the cluster.',
    advice:
      owner === undefined
        ? 'Correct the endpoint in the configuration. If it is a member under another name, that member may be the one in trouble.'
        : `Name ${owner.member?.clientUrls[0] ?? 'its client URL (port 2379 by default)'} in the configuration instead.`,
    command,
    short: owner === undefined ? 'named but no member' : 'named but a peer URL',
    who: [hostOf(stray.endpoint)],
    cause: 'stray-endpoint',
  };
}

function nobodyTrouble({ seen }: ClusterView): Trouble {
  return {
    severity: 'critical',
    grade: 'unknown',
    claim: `Whether ${seen.cluster} works is not known: nobody there answers the bot.`,
    evidence: plainlySaid(seen.membersFailure?.said ?? 'no answer'),
    impact: 'Not known for quorum and writes.',
    advice:
      'Mend what the other findings tell, then ask again; look from another machine to tell the cluster from the way to it.',
  };
}
