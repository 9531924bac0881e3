import { formatBytes, formatDuration, listed } from '../../report/text.ts';
import { addressOf, isEndpoint } from '../endpoint.ts';
import { expectedBlockMs } from '../space/figures.ts';
import { suggestedQuotaBytes } from '../space-trouble.ts';
import type { Trouble } from '../trouble.ts';
import { givenValue } from './setting.ts';
import { type Compared, compared, inForce, type SettingsSeen, type SettingsSource, shown } from './source.ts';

/** What makes trouble while a member runs. */
export function careTroubles(seen: SettingsSeen): Trouble[] {
  return [
    ...unequal(seen),
    ...compaction(seen),
    ...seen.sources.flatMap((source) => [...v2(source), ...quota(source), ...liveness(source)]),
    ...plainHttp(seen),
  ];
}

/** Where members have to agree, or else behave as the one that is asked for does. */
function unequal({ sources }: SettingsSeen): Trouble[] {
  if (sources.length < 2) return [];
  return compared.flatMap((name): Trouble[] => {
    const values = sources.map((source) => [source.who, shown(name, inForce(source, name))] as const);
    if (new Set(values.map(([, value]) => value)).size === 1) return [];
    const isTimer = name === 'heartbeat-interval' || name === 'election-timeout';
    return [
      {
        severity: 'warning',
        grade: 'fact',
        claim: `--${name} differs between members.`,
        evidence: values.map(([who, value]) => `${who} ${value}`).join(', '),
        impact: consequences[name],
        advice: `Set it alike on every member, one after the other${isTimer ? ', each when the last is healthy' : ''}.`,
        short: `${name} differs`,
        cause: 'unequal-settings',
      },
    ];
  });
}

const consequences: Readonly<Record<Compared, string>> = {
  'heartbeat-interval': 'Followers that expect heartbeats sooner than the leader sends them call elections.',
  'election-timeout': 'The member with the shortest one calls elections that the others do not need.',
  'snapshot-count':
    'Members keep logs of different lengths: memory differs, and so does how far behind a follower may fall.',
  'auto-compaction-mode': 'What is compacted depends on who leads.',
  'auto-compaction-retention': 'What is compacted depends on who leads.',
  'quota-backend-bytes': 'The member with the smallest quota stops the writes of all.',
  'max-request-bytes': 'Whether a large request is taken depends on the member that is asked.',
};

function compaction({ sources, apiServers, view }: SettingsSeen): Trouble[] {
  const off = sources.filter((source) => /^0\D*$/.test(inForce(source, 'auto-compaction-retention')));
  const urls = view.members.flatMap(({ member, endpoint }) => [...(member?.clientUrls ?? []), endpoint ?? '']);
  const isKubernetes =
    sources.some(({ where }) => where.startsWith('static pod')) ||
    (apiServers.servers ?? []).some(({ etcdServers }) => etcdServers.some((url) => urls.includes(url)));
  if (off.length === 0 || isKubernetes) return [];
  return [
    {
      severity: 'warning',
      grade: 'unknown',
      claim: `Auto-compaction is off on ${listed(off.map(({ who }) => who))}, and no API server is known that would compact.`,
      evidence: `auto-compaction-retention 0; API servers: ${apiServers.unseen ?? 'none names this etcd'}`,
      impact:
        'Without it every change is kept for ever, until the quota is full. Kubernetes’ API servers compact by themselves every five minutes: then it is fine.',
      advice: 'If no Kubernetes uses it, set --auto-compaction-retention=1h on every member.',
      short: 'auto-compaction is off',
      cause: 'auto-compaction',
    },
  ];
}

function v2({ settings, who, where }: SettingsSource): Trouble[] {
  if (givenValue(settings, 'enable-v2') !== 'true') return [];
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim: `${who} serves etcd’s old API: --enable-v2.`,
      evidence: where,
      impact: 'Its keys are in no snapshot, its rights are not those of v3, and 3.6 does not start with the flag.',
      advice: 'Find who still uses /v2/keys, move them, then take the flag out.',
      short: 'serving the v2 API',
      who: [who],
      cause: 'v2-api',
    },
  ];
}

function quota({ settings, who, where }: SettingsSource): Trouble[] {
  const bytes = Number(givenValue(settings, 'quota-backend-bytes') ?? 0);
  if (!(bytes > suggestedQuotaBytes)) return [];
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim: `The quota of ${who} is ${formatBytes(bytes)}: etcd suggests 8 GiB at most.`,
      evidence: `${where}: quota-backend-bytes ${bytes}`,
      impact: 'A member with so much data takes long to start, to defragment and to follow anew.',
      advice: 'Find what needs so much (`/etcd space`), and set --quota-backend-bytes=8589934592.',
      short: `with a quota of ${formatBytes(bytes)}`,
      who: [who],
      cause: 'quota',
    },
  ];
}

/** kubeadm#2759, kubernetes#96886: /health is 503 under an alarm, and silent while a member defragments. */
function liveness({ settings: { probe }, who, where, member }: SettingsSource): Trouble[] {
  if (probe === null) return [];
  const troubles: Trouble[] = [];
  const told = (claim: string, evidence: string, impact: string, advice: string): Trouble => ({
    severity: 'warning',
    grade: 'fact',
    claim,
    evidence: `${where}: ${evidence}`,
    impact,
    advice,
    short: 'with a liveness probe that can kill it',
    who: [who],
    cause: 'liveness-probe',
  });
  const isBare = /^\/health(?:\?|$)/.test(probe.path) && !/exclude=NOSPACE/.test(probe.path);
  if (isBare)
    troubles.push(
      told(
        `The liveness probe of ${who} asks ${probe.path}, which fails under a space alarm.`,
        `httpGet ${probe.path}`,
        'Under NOSPACE, and without a leader, the kubelet ends members that are needed to mend it.',
        'Ask /health?exclude=NOSPACE&serializable=true (3.5 and later), or /livez (3.5.11 and later).',
      ),
    );
  const blockMs = expectedBlockMs(member?.status?.dbSizeBytes ?? 0);
  if (blockMs > probe.toleranceMs)
    troubles.push(
      told(
        `The liveness probe of ${who} gives up after ${formatDuration(probe.toleranceMs)}, and a defragmentation would take about ${formatDuration(blockMs)}.`,
        `database ${formatBytes(member?.status?.dbSizeBytes ?? 0)}`,
        'The kubelet would end the member in the middle of it.',
        'Raise failureThreshold or periodSeconds of the probe before it is defragmented.',
      ),
    );
  return troubles;
}

/** Clients and peers without TLS, beyond the machine itself. */
function plainHttp({ sources, view }: SettingsSeen): Trouble[] {
  const listening = sources.flatMap(({ settings, who }) =>
    ['listen-client-urls', 'listen-peer-urls', 'listen-client-http-urls'].flatMap((name) =>
      (givenValue(settings, name) ?? '').split(',').map((url) => ({ who, url: url.trim() })),
    ),
  );
  const told = view.members.flatMap(({ member, label }) =>
    [...(member?.clientUrls ?? []), ...(member?.peerUrls ?? [])].map((url) => ({ who: label, url })),
  );
  const plain = [...listening, ...told].filter(
    ({ url }) => isEndpoint(url) && url.startsWith('http:') && !/^(?:127\.|::1$|localhost$)/.test(addressOf(url).host),
  );
  if (plain.length === 0) return [];
  const who = [...new Set(plain.map((each) => each.who))];
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim: `${listed(who)} ${who.length === 1 ? 'listens' : 'listen'} in plain http, without TLS.`,
      evidence: [...new Set(plain.map(({ url }) => url))].join(', '),
      impact: 'Whoever reaches that port reads every key, Secrets too, and writes them.',
      advice:
        'Change clients’ URLs by --cert-file, --key-file, --client-cert-auth and --trusted-ca-file; peers’ by their --peer-… ones and `etcdctl member update` with the https URL, one member at a time.',
      short: 'without TLS',
      who,
      cause: 'plain-http',
    },
  ];
}
