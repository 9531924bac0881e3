import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oomFix } from '../../jobs/oom/fix.ts';
import { oomRollback } from '../../jobs/oom/rollback.ts';
import type { Check, Context, Proposal } from '../../src/job.ts';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import type { FixPlan } from '../../src/kubernetes/fix-plan.ts';
import type { RollbackPlan } from '../../src/kubernetes/rollback-plan.ts';
import { type KubernetesApi, type KubernetesOptions, startKubernetes } from './kubernetes/api.ts';
import { type ControllerOptions, type Controllers, runControllers } from './kubernetes/controllers.ts';
import type { KubernetesObject } from './kubernetes/object.ts';
import { contextOf } from './why.ts';

export type FixInput = Partial<Parameters<typeof oomFix.propose>[0]>;

/** A cluster whose workloads may be changed, with its controllers. */
export type FixRoom = {
  readonly api: KubernetesApi;
  readonly cluster: KubernetesCluster;
  readonly controllers: Controllers;
  context(more?: Partial<Context>): Context;
  fix(input?: FixInput, more?: Partial<Context>): Promise<Proposal<FixPlan>>;
  rollback(
    toRevision?: number | null,
    workload?: string,
    fromRevision?: number | null,
  ): Promise<Proposal<RollbackPlan>>;
  /** Requests that changed something: `PATCH deployments`. */
  writes(): readonly string[];
  stop(): Promise<void>;
};

export async function openFixRoom(
  objects: readonly KubernetesObject[],
  options: KubernetesOptions & {
    readonly controllers?: ControllerOptions;
    readonly allowFixes?: boolean;
    readonly user?: string;
    readonly namespaces?: readonly string[];
  } = {},
): Promise<FixRoom> {
  const { controllers: behaviour = {}, allowFixes = true, user, namespaces = [], ...server } = options;
  const folder = await mkdtemp(join(tmpdir(), 'quorum-fix-'));
  const api = await startKubernetes({ ...server, objects });
  const kubeconfig = join(folder, 'kubeconfig');
  await api.writeKubeconfig(kubeconfig, user);
  const cluster = await connectKubernetes({ name: 'prod', kubeconfig, namespaces, allowFixes });
  const controllers = runControllers(api, behaviour);
  const context = (more: Partial<Context> = {}) => contextOf(cluster, more);
  return {
    api,
    cluster,
    controllers,
    context,
    fix: async (input = {}, more = {}) =>
      await oomFix.propose(
        {
          cluster: 'prod',
          workload: 'deploy/orders',
          namespace: 'shop',
          container: null,
          limitBytes: null,
          resources: 'as-recommended',
          ...input,
        },
        context(more),
      ),
    rollback: async (toRevision = null, workload = 'deploy/orders', fromRevision = null) =>
      await oomRollback.propose({ cluster: 'prod', workload, namespace: 'shop', toRevision, fromRevision }, context()),
    writes: () =>
      api
        .requests()
        .filter(({ method, query }) => method !== 'GET' && query.dryRun === undefined)
        .map(({ method, path }) => `${method} ${path.replace(/^.*\/namespaces\/[^/]+\//, '')}`)
        .filter((line) => !line.includes('selfsubject')),
    async stop() {
      controllers.stop();
      await cluster.close();
      await api.stop();
      await rm(folder, { recursive: true });
    },
  };
}

/** A check by its name. */
export function checkIn({ checks }: Pick<Proposal, 'checks'>, name: string): Check {
  const found = checks.find((check) => check.name === name);
  if (found === undefined)
    throw new Error(`no check ${name}; there are ${checks.map((check) => check.name).join(', ')}`);
  return found;
}

/** The names of those that stand in the way. */
export function blockedBy({ checks }: Pick<Proposal, 'checks'>): string[] {
  return checks.filter(({ status }) => status === 'blocking').map(({ name }) => name);
}

/** A section's text by the beginning of its title. */
export function sectionIn({ sections }: Pick<Proposal, 'sections'>, title: string): string {
  const found = sections.find((section) => section.title?.startsWith(title));
  if (found === undefined || found.kind === 'table') throw new Error(`no text ${title}`);
  return found.text;
}
