import { chooseContainer } from '../../src/kubernetes/containers.ts';
import type { Explanation } from '../../src/kubernetes/explanation.ts';
import { memoryLimit } from '../../src/kubernetes/memory-limit.ts';
import { eventSchema, nodeSchema, podSchema } from '../../src/kubernetes/objects.ts';
import { explainTermination } from '../../src/kubernetes/termination.ts';

/** What is known of a pod with one container, `app`, that may have ended. */
export type Given = {
  readonly ended?: Record<string, unknown>;
  /** What it is now; by default it waits for its next start. */
  readonly state?: Record<string, unknown>;
  readonly limit?: string | null;
  readonly pod?: Record<string, unknown>;
  readonly podLimit?: string;
  readonly events?: readonly Record<string, unknown>[];
  readonly nodeEvents?: readonly Record<string, unknown>[];
  /** Since when the node is short of memory; '' where it does not say. */
  readonly pressureSince?: string;
  /** What the node's condition Ready is. */
  readonly ready?: string;
  readonly log?: string;
  readonly isJava?: boolean;
};

/** When the container ended. */
export const at = '2026-11-03T10:00:00Z';

/** Why it ended, asked two minutes later. */
export function explain(given: Given): Explanation {
  const ended = given.ended === undefined ? undefined : { finishedAt: at, ...given.ended };
  const pod = podSchema.parse({
    metadata: { name: 'checkout-1', namespace: 'shop', ...((given.pod?.metadata as object) ?? {}) },
    spec: {
      containers: [
        { name: 'app', resources: given.limit === null ? {} : { limits: { memory: given.limit ?? '512Mi' } } },
      ],
      ...((given.pod?.spec as object) ?? {}),
      ...(given.podLimit === undefined ? {} : { resources: { limits: { memory: given.podLimit } } }),
    },
    status: {
      phase: 'Running',
      containerStatuses: [
        {
          name: 'app',
          restartCount: 3,
          state: given.state ?? { waiting: { reason: 'CrashLoopBackOff' } },
          ...(ended === undefined ? {} : { lastState: { terminated: ended } }),
        },
      ],
      ...((given.pod?.status as object) ?? {}),
    },
  });
  const container = chooseContainer(pod, undefined, () => true);
  if (container === undefined) throw new Error('no container');
  return explainTermination({
    pod,
    container,
    limit: memoryLimit(pod, container.spec, container.status),
    events: given.events?.map((event) => eventSchema.parse(event)),
    nodeEvents: given.nodeEvents?.map((event) => eventSchema.parse(event)),
    node: nodeSchema.parse({
      status: {
        conditions: [
          {
            type: 'MemoryPressure',
            status: given.pressureSince === undefined ? 'False' : 'True',
            lastTransitionTime: given.pressureSince || undefined,
          },
          { type: 'Ready', status: given.ready ?? 'True', lastTransitionTime: '2026-11-03T09:30:00Z' },
        ],
      },
    }),
    log: given.log,
    isJava: given.isJava ?? true,
    now: new Date('2026-11-03T10:02:00Z'),
  });
}
