import { Redis } from 'ioredis';
import { alertsLines } from './alerts/check-lines.ts';
import { type CheckLine, checkExitCode, checkText, placementLines, redisLines, withoutPassword } from './check.ts';
import { connectClusters, loadDrivers, openPrometheus } from './clusters-client.ts';
import { type Config, everySection } from './config.ts';
import { readConfig } from './config-client.ts';
import { plainlySaid } from './etcd/said.ts';
import { neededForExec, neededForFixes, neededPermissions } from './kubernetes/permissions.ts';
import { redisOptions } from './redis/connection-client.ts';
import { Refusal } from './refusal.ts';
import { count, formatDuration, listed } from './report/text.ts';
import { scopes } from './slack/manifest.ts';
import { SlackFailure } from './slack/web.ts';
import { readCatalogue } from './snapshot/catalogue.ts';
import { messageOf } from './thrown.ts';
import { watchedNamespaces } from './watch/watched-clusters.ts';

/**
 * Tries the config and every connection, a line each, as they come.
 * @returns 0 when nothing failed, 1 when something did, 2 when the config cannot be used
 */
export async function check(
  path: string,
  environment: NodeJS.ProcessEnv,
  print: (line: string) => void,
): Promise<number> {
  let config: Config;
  try {
    config = await readConfig(path, environment, everySection);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    for (const seen of error.message.split('\n'))
      print(checkText({ status: 'failed', subject: 'config', seen, mend: error.advice }));
    return 2;
  }
  const lines: CheckLine[] = [];
  const tell = (line: CheckLine) => {
    lines.push(line);
    print(checkText(line));
  };
  const etcdNames = Object.keys(config.etcd.clusters);
  const kubernetesNames = Object.keys(config.kubernetes.clusters);
  tell({
    status: 'ok',
    subject: 'config',
    seen: `${path}: ${count(etcdNames.length, 'etcd cluster')}, ${count(kubernetesNames.length, 'Kubernetes cluster')}`,
    mend: '',
  });
  for (const line of [...accessLines(config), ...alertsLines(config)]) tell(line);
  for (const line of placementLines(
    {
      redisUrl: config.redis.url,
      etcdEndpoints: Object.values(config.etcd.clusters).flatMap(({ endpoints }) => endpoints),
      inClusterNames: kubernetesNames.filter((name) => config.kubernetes.clusters[name]?.inCluster === true),
    },
    environment.KUBERNETES_SERVICE_HOST !== undefined,
  ))
    tell(line);

  await loadDrivers(config);
  const clusters = connectClusters(config);
  const tried = await Promise.all([
    slackLines(config),
    channelLines(config),
    redisCheck(config),
    ...etcdNames.map((name) => attempt(`etcd ${name}`, async () => await etcdLines(await clusters.etcd(name)))),
    ...etcdNames
      .filter((name) => config.etcd.clusters[name]?.snapshots !== undefined)
      .map((name) => attempt(`snapshots ${name}`, async () => await snapshotLines(await clusters.etcd(name)))),
    ...kubernetesNames.map((name) =>
      attempt(`kubernetes ${name}`, async () => {
        const sampled = config.kubernetes.clusters[name]?.sampleNamespaces ?? [];
        return await kubernetesLines(await clusters.kubernetes(name), sampled, watchedNamespaces(name, config));
      }),
    ),
    ...Object.entries(config.prometheus).map(([name, settings]) =>
      attempt(`prometheus ${name}`, async () => await prometheusLines(name, settings)),
    ),
  ]);
  for (const line of tried.flat()) tell(line);
  await clusters.close();
  return checkExitCode(lines);
}

/** A refusal is that connection's line; the others are tried all the same. */
async function attempt(subject: string, tryIt: () => Promise<CheckLine[]>): Promise<CheckLine[]> {
  try {
    return await tryIt();
  } catch (error) {
    if (error instanceof Refusal) return [{ status: 'failed', subject, seen: error.message, mend: error.advice }];
    return [
      {
        status: 'failed',
        subject,
        seen: messageOf(error),
        mend: 'mend the connection and check again',
      },
    ];
  }
}

function accessLines({ access }: Config): CheckLine[] {
  const { operators, approvers, approvals } = access;
  if (operators.length > 0 && approvers.length > 0) return [];
  return [
    {
      status: 'warning',
      subject: 'access',
      seen: `nobody is ${listed([...(operators.length === 0 ? ['an operator'] : []), ...(approvers.length === 0 ? ['an approver'] : [])], 'or')}: looks work, changes are refused`,
      mend: `add people or user groups to access.operators and access.approvers (${count(approvals.required, 'approval')} needed)`,
    },
  ];
}

/** Whether what is told when a pod dies can be posted: the channels of the rules. */
async function channelLines({ slack, watch }: Config): Promise<CheckLine[]> {
  if (slack === undefined) return [];
  const { connectSlackWeb } = await import('./slack/web-client.ts');
  const web = connectSlackWeb(slack);
  const lines = [...new Set(watch.map(({ channel }) => channel))].map(async (channel): Promise<CheckLine> => {
    const subject = `channel ${channel}`;
    try {
      const { isArchived, isMember } = await web.channel(channel);
      if (!isArchived && isMember) return { status: 'ok', subject, seen: 'the bot may post there', mend: '' };
      return {
        status: 'failed',
        subject,
        seen: isArchived ? 'it is archived' : 'the bot is not in it',
        mend: isArchived ? 'name another channel under `watch:`' : 'type /invite @Quorum there',
      };
    } catch (error) {
      if (!(error instanceof SlackFailure)) throw error;
      return {
        status: 'failed',
        subject,
        seen: error.code,
        mend: error.kind === 'refused' ? 'take the id from the channel’s details in Slack; /invite @Quorum there' : '',
      };
    }
  });
  return await Promise.all(lines);
}

async function slackLines({ slack }: Config): Promise<CheckLine[]> {
  const subject = 'slack';
  if (slack === undefined)
    return [
      {
        status: 'warning',
        subject,
        seen: 'not configured',
        mend: 'add `slack:` to quorum.yaml; `quorum run` works without it',
      },
    ];
  const { connectSlackWeb, tryAppToken } = await import('./slack/web-client.ts');
  const bot = async (): Promise<CheckLine[]> => {
    const identity = await connectSlackWeb(slack).identity();
    const missing = Object.keys(scopes).filter((scope) => !identity.scopes.includes(scope));
    return [
      { status: 'ok', subject, seen: `workspace ${identity.team}, bot @${identity.botName}`, mend: '' },
      ...(identity.scopes.length === 0
        ? ([{ status: 'warning', subject, seen: 'Slack did not tell the token’s scopes', mend: '' }] as const)
        : missing.map((scope) => ({
            status: 'failed' as const,
            subject,
            seen: `the token lacks the scope ${scope} (${scopes[scope]})`,
            mend: 'paste the output of `quorum manifest` into the app’s manifest and reinstall the app',
          }))),
    ];
  };
  const socket = async (): Promise<CheckLine[]> => {
    await tryAppToken(slack.appToken ?? '', slack.apiUrl);
    return [{ status: 'ok', subject: 'slack socket', seen: 'the app token opens a socket', mend: '' }];
  };
  const appTokenMend =
    'set slack.appToken to an app-level token (xapp-…) with the scope connections:write, and turn Socket Mode on';
  return [
    ...tokenLines(slack),
    ...(await attemptSlack(
      subject,
      slack.apiUrl,
      'set slack.botToken to the Bot User OAuth Token (xoxb-…) of the app',
      bot,
    )),
    ...(slack.mode === 'socket' ? await attemptSlack('slack socket', slack.apiUrl, appTokenMend, socket) : []),
  ];
}

/** The kinds of token are told by their beginnings. Source: https://api.slack.com/authentication/token-types */
function tokenLines({ botToken, appToken }: NonNullable<Config['slack']>): CheckLine[] {
  const wrong = [
    ...(botToken.startsWith('xoxb-') ? [] : ['slack.botToken does not begin with xoxb-']),
    ...(appToken === undefined || appToken.startsWith('xapp-') ? [] : ['slack.appToken does not begin with xapp-']),
  ];
  if (wrong.length === 0) return [];
  return [
    {
      status: 'warning',
      subject: 'slack',
      seen: listed(wrong),
      mend: 'look whether the two tokens have changed places',
    },
  ];
}

/** A refused token and a network in between are mended in different places. */
async function attemptSlack(
  subject: string,
  apiUrl: string,
  tokenMend: string,
  tryIt: () => Promise<CheckLine[]>,
): Promise<CheckLine[]> {
  try {
    return await tryIt();
  } catch (error) {
    const isRefused = error instanceof SlackFailure && error.kind === 'refused';
    const mend = isRefused ? tokenMend : `let this machine reach ${apiUrl}: the address, the proxy, the firewall`;
    return [{ status: 'failed', subject, seen: messageOf(error), mend }];
  }
}

async function redisCheck({ redis }: Config): Promise<CheckLine[]> {
  const client = new Redis({
    ...redisOptions(redis.url, { connectTimeout: 2000, maxRetriesPerRequest: 0 }),
    lazyConnect: true,
    retryStrategy: () => null,
  });
  let trouble = '';
  client.on('error', (error) => {
    trouble = messageOf(error);
  });
  try {
    await client.connect();
    const info = String(await client.info());
    const policy = await client.config('GET', 'maxmemory-policy').then(firstValue, () => null);
    return redisLines(redis.url, {
      version: /redis_version:(\S+)/.exec(info)?.[1] ?? 'of unknown version',
      appendonly: /aof_enabled:(\d)/.exec(info)?.[1] === undefined ? null : /aof_enabled:1/.test(info),
      evictionPolicy: policy ?? /maxmemory_policy:(\S+)/.exec(info)?.[1] ?? null,
    });
  } catch (error) {
    // What closed the connection says more than that it is closed.
    const seen = `${withoutPassword(redis.url)}: ${trouble === '' ? messageOf(error) : trouble}`;
    return [{ status: 'failed', subject: 'redis', seen, mend: 'start Redis there, or correct redis.url' }];
  } finally {
    client.disconnect();
  }
}

/** CONFIG GET answers a list or, in newer protocols, a map. */
function firstValue(answer: unknown): string | null {
  if (Array.isArray(answer)) return typeof answer[1] === 'string' ? answer[1] : null;
  if (typeof answer === 'object' && answer !== null) return String(Object.values(answer)[0]);
  return null;
}

type EtcdCluster = Awaited<ReturnType<ReturnType<typeof connectClusters>['etcd']>>;
type KubernetesCluster = Awaited<ReturnType<ReturnType<typeof connectClusters>['kubernetes']>>;

/** Whether the storage of a cluster's snapshots can be read; nothing is written to it. */
async function snapshotLines({ name, snapshots }: EtcdCluster): Promise<CheckLine[]> {
  if (snapshots === null) return [];
  const { snapshots: taken } = await readCatalogue(snapshots.storage);
  const [last] = taken;
  return [
    {
      status: 'ok',
      subject: `snapshots ${name}`,
      seen: `${snapshots.storage.where}: ${count(taken.length, 'snapshot')}${last === undefined ? '' : `, the latest ${last.name}`}`,
      mend: '',
    },
  ];
}

async function etcdLines(cluster: EtcdCluster): Promise<CheckLine[]> {
  const seen = await cluster.see();
  const subject = `etcd ${cluster.name}`;
  return [
    ...seen.asked.map((asked): CheckLine => {
      if (asked.status !== undefined)
        return {
          status: 'ok',
          subject,
          seen: `${asked.endpoint}: etcd ${asked.status.version}, ${formatDuration(asked.tookMs)}`,
          mend: '',
        };
      return {
        status: 'failed',
        subject,
        seen: `${asked.endpoint}: ${asked.failure === undefined ? 'no answer' : plainlySaid(asked.failure.said)}`,
        mend: `\`quorum run "/etcd health --cluster ${cluster.name}"\` says why and what to do`,
      };
    }),
    // Where nobody answers at all, the lines above say more.
    ...(seen.asked.every(({ status }) => status === undefined) ||
    seen.metrics.some(({ metrics }) => metrics !== undefined)
      ? []
      : [
          {
            status: 'warning' as const,
            subject,
            seen: 'no member shows its metrics: the disk and the links between members stay unknown',
            mend: 'let the bot reach /metrics on the client port, or name --listen-metrics-urls under metricsUrls',
          },
        ]),
  ];
}

async function prometheusLines(name: string, settings: Config['prometheus'][string]): Promise<CheckLine[]> {
  const subject = `prometheus ${name}`;
  const prometheus = await openPrometheus(name, settings);
  try {
    const containers = await prometheus.containers(new Date());
    return [
      containers > 0
        ? { status: 'ok', subject, seen: `knows the memory of ${count(containers, 'container')}`, mend: '' }
        : {
            status: 'warning',
            subject,
            seen: 'it answers, and knows the memory of no container',
            mend: `let it scrape the kubelets’ /metrics/cadvisor, or correct prometheus.${name}.labels`,
          },
    ];
  } finally {
    prometheus.close();
  }
}

async function kubernetesLines(
  cluster: KubernetesCluster,
  sampled: readonly string[],
  watched: readonly string[] | undefined,
): Promise<CheckLine[]> {
  const subject = `kubernetes ${cluster.name}`;
  const version = await cluster.version();
  const asked = await Promise.all(
    [
      ...neededPermissions(cluster.namespaces, sampled, watched),
      ...(cluster.workloads?.allowsFixes === true ? neededForFixes(cluster.namespaces) : []),
      ...(cluster.exec?.allowsExec === true ? neededForExec(cluster.namespaces) : []),
    ].map(async (permission) => ({
      ...permission,
      isAllowed: await cluster.canI(permission),
    })),
  );
  const missing = asked.filter(({ isAllowed }) => !isAllowed);
  return [
    {
      status: 'ok',
      subject,
      seen: `${cluster.address}: Kubernetes ${version}, ${asked.length - missing.length} of ${asked.length} permissions`,
      mend: '',
    },
    ...missing.map(({ verb, resource, namespace, why }): CheckLine => {
      const isNeeded = resource === 'pods' && verb === 'get';
      return {
        status: isNeeded ? 'failed' : 'warning',
        subject,
        seen: `may not ${verb} ${resource}${namespace === undefined ? '' : ` in ${namespace}`}: ${why}`,
        mend: `grant \`${verb}\` on \`${resource}\` to the identity of the kubeconfig; \`quorum rbac --cluster ${cluster.name}\` prints all of it`,
      };
    }),
  ];
}
