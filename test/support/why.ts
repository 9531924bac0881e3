import { oomWhy } from '../../jobs/oom/why.ts';
import type { Context } from '../../src/job.ts';
import type { KubernetesCluster } from '../../src/kubernetes/client.ts';
import { Refusal } from '../../src/refusal.ts';
import type { Report } from '../../src/report/report.ts';

/** The last OOM kill of the recorded cluster was two minutes before. */
export const now = new Date('2026-11-03T10:00:00Z');

/** What a look is handed that asks this cluster; without a history, as in a terminal. */
export function contextOf(kubernetes: KubernetesCluster, more: Partial<Context> = {}): Context {
  return {
    clients: { kubernetes: async () => kubernetes, etcd: () => Promise.reject(new Error('not asked')) },
    now: () => now,
    signal: new AbortController().signal,
    progress: () => {},
    ...more,
  };
}

type Flags = { readonly namespace?: string; readonly container?: string };

/** Asks `/oom why` of a cluster. */
export async function askWhy(
  on: KubernetesCluster,
  pod: string,
  { namespace, container }: Flags = {},
  more: Partial<Context> = {},
): Promise<Report> {
  return oomWhy.run(
    { cluster: 'prod', pod, namespace: namespace ?? null, container: container ?? null },
    contextOf(on, more),
  );
}

/** The refusal that a promise ends in; anything else fails the test. */
export async function refusalOf(promise: Promise<unknown>): Promise<Refusal> {
  const thrown = await promise.then(
    () => new Error('it was not refused'),
    (error: unknown) => error,
  );
  if (thrown instanceof Refusal) return thrown;
  throw thrown;
}

/** The rows of the first table whose title begins so. */
export function tableOf(report: Report, title: string): readonly (readonly string[])[] {
  const section = report.sections.find((each) => each.title?.startsWith(title));
  if (section?.kind !== 'table') throw new Error(`no table ${title}`);
  return section.rows;
}

/** A line of the table of what is known. */
export function factOf(report: Report, name: string): string | undefined {
  return tableOf(report, 'What is known').find(([what]) => what === name)?.[1];
}
