import { z } from 'zod';
import type { JsonObject } from '../report/report.ts';
import { workloadSchema } from './objects.ts';

/**
 * A Deployment, StatefulSet or DaemonSet as whoever changes it has to see it: its whole pod template, how it rolls out and how far
 * that has come. The API leaves out what is empty: amounts are then undefined.
 */

const json = z.record(z.string(), z.json()) as z.ZodType<JsonObject>;
const whole = z
  .number()
  .nullish()
  .transform((value) => value ?? undefined);
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);
/** A count or a share: `1`, `25%`. */
const amount = z
  .union([z.number(), z.string()])
  .nullish()
  .transform((value) => value ?? undefined);
const selector = workloadSchema.shape.spec.out.shape.selector;
const metadata = workloadSchema.shape.metadata.out.extend({
  generation: whole,
  resourceVersion: text,
  managedFields: z
    .array(z.object({ manager: text, operation: text }))
    .nullish()
    .transform((value) => value ?? []),
});
const strategy = z
  .object({
    type: text,
    rollingUpdate: z
      .object({ maxUnavailable: amount, maxSurge: amount, partition: whole })
      .nullish()
      .transform((value) => value ?? undefined),
  })
  .nullish()
  .transform((value) => value ?? undefined);

export const rolledWorkloadSchema = z.object({
  metadata,
  spec: z.object({
    replicas: whole,
    paused: z
      .boolean()
      .nullish()
      .transform((value) => value === true),
    selector,
    template: json,
    /** A Deployment's. */
    strategy,
    /** A StatefulSet's and a DaemonSet's. */
    updateStrategy: strategy,
    podManagementPolicy: text,
    minReadySeconds: whole,
    progressDeadlineSeconds: whole,
  }),
  status: z.preprocess(
    (value) => value ?? {},
    z.object({
      observedGeneration: whole,
      replicas: whole,
      readyReplicas: whole,
      availableReplicas: whole,
      updatedReplicas: whole,
      currentReplicas: whole,
      currentRevision: text,
      updateRevision: text,
      desiredNumberScheduled: whole,
      updatedNumberScheduled: whole,
      numberReady: whole,
      numberAvailable: whole,
      conditions: z
        .array(z.object({ type: z.string(), status: text, reason: text, message: text }))
        .nullish()
        .transform((value) => value ?? []),
    }),
  ),
});

export type RolledWorkload = z.infer<typeof rolledWorkloadSchema>;

/** The kinds whose pod template can be changed so that their pods are made anew. */
export const rolledKinds = ['Deployment', 'StatefulSet', 'DaemonSet'] as const;
export type RolledKind = (typeof rolledKinds)[number];

export function isRolledKind(kind: string): kind is RolledKind {
  return (rolledKinds as readonly string[]).includes(kind);
}

/** One pod template that a workload has had, newest last: a ReplicaSet's or a ControllerRevision's. */
export type Revision = {
  readonly number: number;
  /** What its pods carry: pod-template-hash, or controller-revision-hash. */
  readonly hash: string;
  readonly madeAt: string | undefined;
  /** Without the label that the controller adds. */
  readonly template: JsonObject;
};

const owned = z.object({
  metadata: workloadSchema.shape.metadata,
});

/** ReplicaSets and ControllerRevisions as they are listed. */
export const revisionListSchema = z.object({
  items: z
    .array(
      owned.extend({
        revision: whole,
        data: json.nullish(),
        spec: z.object({ template: json.nullish() }).nullish(),
      }),
    )
    .nullish()
    .transform((value) => value ?? []),
});

export type RevisionItem = z.infer<typeof revisionListSchema>['items'][number];

const target = z.object({ kind: text, name: text }).nullish();

/** autoscaling/v1 to v2: what is scaled, and by which resources. */
export const autoscalerListSchema = z.object({
  items: z
    .array(
      z.object({
        metadata: workloadSchema.shape.metadata,
        spec: z.object({
          scaleTargetRef: target,
          metrics: z.array(json).nullish(),
        }),
      }),
    )
    .nullish()
    .transform((value) => value ?? []),
});

export const verticalListSchema = z.object({
  items: z
    .array(
      z.object({
        metadata: workloadSchema.shape.metadata,
        spec: z.object({
          targetRef: target,
          updatePolicy: z.object({ updateMode: text }).nullish(),
          resourcePolicy: z
            .object({
              containerPolicies: z
                .array(
                  z.object({ containerName: text, mode: text, controlledResources: z.array(z.string()).nullish() }),
                )
                .nullish(),
            })
            .nullish(),
        }),
      }),
    )
    .nullish()
    .transform((value) => value ?? []),
});

export const budgetListSchema = z.object({
  items: z
    .array(
      z.object({
        metadata: workloadSchema.shape.metadata,
        spec: z.object({ selector }),
        status: z
          .object({ disruptionsAllowed: whole, currentHealthy: whole, desiredHealthy: whole, expectedPods: whole })
          .nullish(),
      }),
    )
    .nullish()
    .transform((value) => value ?? []),
});

const quantities = z.record(z.string(), z.union([z.string(), z.number().transform(String)])).nullish();

export const limitRangeListSchema = z.object({
  items: z
    .array(
      z.object({
        metadata: workloadSchema.shape.metadata,
        spec: z.object({
          limits: z
            .array(z.object({ type: text, max: quantities, min: quantities, maxLimitRequestRatio: quantities }))
            .nullish(),
        }),
      }),
    )
    .nullish()
    .transform((value) => value ?? []),
});

export const quotaListSchema = z.object({
  items: z
    .array(
      z.object({
        metadata: workloadSchema.shape.metadata,
        spec: z.object({ scopes: z.array(z.string()).nullish(), scopeSelector: json.nullish() }).nullish(),
        status: z.object({ hard: quantities, used: quantities }).nullish(),
      }),
    )
    .nullish()
    .transform((value) => value ?? []),
});

export type Autoscaler = z.infer<typeof autoscalerListSchema>['items'][number];
export type VerticalAutoscaler = z.infer<typeof verticalListSchema>['items'][number];
export type DisruptionBudget = z.infer<typeof budgetListSchema>['items'][number];
export type LimitRange = z.infer<typeof limitRangeListSchema>['items'][number];
export type Quota = z.infer<typeof quotaListSchema>['items'][number];
