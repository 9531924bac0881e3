/** One line of `quorum check`: what was tried, how it went, and the mend. */
export type CheckLine = {
  readonly status: 'ok' | 'warning' | 'failed';
  /** `slack`, `redis`, `etcd prod`. */
  readonly subject: string;
  readonly seen: string;
  /** What to do; empty where nothing has to be done. */
  readonly mend: string;
};

const words = { ok: 'ok', warning: 'warn', failed: 'FAIL' } as const;

/** A line as the terminal shows it, the mend behind an arrow. */
export function checkText({ status, subject, seen, mend }: CheckLine): string {
  const said = seen.replaceAll('\n', '; ');
  return `${words[status].padEnd(5)} ${subject.padEnd(18)} ${said}${mend === '' ? '' : ` → ${mend.replaceAll('\n', ' ')}`}`;
}

/** 0 when nothing failed; warnings do not count. */
export function checkExitCode(lines: readonly CheckLine[]): number {
  return lines.some(({ status }) => status === 'failed') ? 1 : 0;
}

/** What Redis says of itself, from INFO and CONFIG; null where it would not tell. */
export type RedisFacts = {
  readonly version: string;
  readonly appendonly: boolean | null;
  readonly evictionPolicy: string | null;
};

export function redisLines(url: string, facts: RedisFacts): CheckLine[] {
  const subject = 'redis';
  const lines: CheckLine[] = [
    { status: 'ok', subject, seen: `${withoutPassword(url)}: Redis ${facts.version}`, mend: '' },
  ];
  if (facts.appendonly !== true)
    lines.push({
      status: 'warning',
      subject,
      seen:
        facts.appendonly === null
          ? 'it does not tell whether it persists'
          : 'appendonly is off: a restart of Redis forgets queued requests',
      mend: 'set `appendonly yes`; changes are refused without it',
    });
  if (facts.evictionPolicy !== 'noeviction')
    lines.push({
      status: facts.evictionPolicy === null ? 'warning' : 'failed',
      subject,
      seen:
        facts.evictionPolicy === null
          ? 'it does not tell its eviction policy'
          : `maxmemory-policy is ${facts.evictionPolicy}: it may throw away queued requests`,
      mend: 'set `maxmemory-policy noeviction`; BullMQ needs it',
    });
  return lines;
}

export function withoutPassword(address: string): string {
  return address.replace(/(\/\/)[^/@]*@/, '$1…@');
}

/**
 * The bot and its Redis should outlive what they mend.
 * @param isInKubernetes whether this process runs in a pod
 */
export function placementLines(
  config: {
    readonly redisUrl: string;
    readonly etcdEndpoints: readonly string[];
    readonly inClusterNames: readonly string[];
  },
  isInKubernetes: boolean,
): CheckLine[] {
  const lines: CheckLine[] = [];
  const redisHost = hostOf(config.redisUrl);
  const isService =
    /\.svc(\.|$)/.test(redisHost) ||
    (isInKubernetes &&
      redisHost !== '' &&
      !redisHost.includes('.') &&
      redisHost !== 'localhost' &&
      !redisHost.includes(':'));
  if (config.inClusterNames.length > 0)
    lines.push({
      status: 'warning',
      subject: 'placement',
      seen: `the bot asks ${config.inClusterNames.join(', ')} from inside: when that cluster is in trouble, so is the bot`,
      mend: 'run the bot outside the clusters that it is to mend, with a kubeconfig for each',
    });
  if (isService)
    lines.push({
      status: 'warning',
      subject: 'placement',
      seen: `Redis (${redisHost}) is a Service of a Kubernetes cluster`,
      mend: 'run Redis outside the clusters that the bot is to mend: approvals and queued requests live in it',
    });
  const isOnMember = config.etcdEndpoints.some((endpoint) => hostOf(endpoint) === redisHost && !isLoopback(redisHost));
  if (isOnMember)
    lines.push({
      status: 'warning',
      subject: 'placement',
      seen: `Redis runs on ${redisHost}, which is an etcd member`,
      mend: 'run Redis on another machine: when that member’s node is lost, so is the record of what was under way',
    });
  return lines;
}

function hostOf(address: string): string {
  try {
    return new URL(address).hostname;
  } catch {
    return '';
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\./.test(host);
}
