import type { z } from 'zod';
import type { ChangeRecord } from './change-record.ts';
import type { EtcdCluster } from './etcd/client.ts';
import type { SpaceStore } from './etcd/space/sample.ts';
import type { WatchRule } from './incident/config.ts';
import type { ChannelChoice } from './incident/routing.ts';
import type { JvmHint } from './jvm/hint.ts';
import type { KubernetesCluster } from './kubernetes/client.ts';
import type { KillStore } from './kubernetes/kill.ts';
import type { MemoryReader } from './kubernetes/memory-reader.ts';
import type { Refusal } from './refusal.ts';
import type { Finding, JsonObject, Report, Section } from './report/report.ts';
import type { Standing } from './watch/watch-store.ts';

/**
 * The clusters a job may ask, by the name in the config. Made on first use, kept for the life of the process.
 * An unknown name is a Refusal that lists the known ones.
 */
export type Clients = {
  etcd(cluster: string): Promise<EtcdCluster>;
  kubernetes(cluster: string): Promise<KubernetesCluster>;
  /** Names of the Kubernetes clusters that the config has. */
  readonly kubernetesNames?: readonly string[];
  /** Who knows what containers of this Kubernetes cluster used before now; undefined where nobody does. */
  memory?(cluster: string): Promise<MemoryReader | undefined>;
  /** What the config tells of the JVMs in images; the first match counts. */
  readonly jvmHints?: readonly JvmHint[];
};

/** Who is told of the pods that die, as the channel sees it where it is asked. */
export type WatchDesk = {
  readonly channelId: string;
  readonly rules: readonly WatchRule[];
  /** The Kubernetes clusters that the rules name. */
  readonly clusters: readonly string[];
  /** How the watches stand, in all workers; those that were heard of in the last half minute. */
  standings(): Promise<readonly Standing[]>;
  choices(): Promise<readonly ChannelChoice[]>;
  /** For this channel: told of a place from now on, or not any more. @param namespace null: the whole cluster */
  choose(cluster: string, namespace: string | null, isOn: boolean): Promise<void>;
};

/** What Quorum itself keeps, and who asks: there is none in a terminal. */
export type Desk = {
  /** A Slack user id. */
  readonly requester: string;
  /** Their roles, and what gives them each. */
  roles(): Promise<readonly { readonly role: string; readonly because: string }[]>;
  /** Changes that have not ended, oldest first. */
  open(): Promise<readonly ChangeRecord[]>;
  /** Newest first. */
  recent(limit: number): Promise<readonly ChangeRecord[]>;
  /** @throws Refusal where they may not, or it has ended */
  cancel(changeId: string): Promise<ChangeRecord>;
  /** Entries as they are kept, oldest first, in pages. */
  audit(): AsyncIterable<readonly string[]>;
  readonly watch: WatchDesk;
};

/** What a job is handed besides its input. Everything that a test replaces is in here. */
export type Context = {
  readonly clients: Clients;
  readonly desk?: Desk;
  /** The OOM kills that were seen before; a terminal keeps none. */
  readonly kills?: KillStore;
  /** How large clusters were before; a terminal keeps none. */
  readonly space?: SpaceStore;
  /**
   * The plan that was approved, where a change is proposed again as it starts: one that was reckoned from what fluctuates keeps its decision
   * where what it was made for is still the same.
   */
  readonly approved?: JsonObject;
  /** Of the ticket (or of the change), the same in every run of it: what is made for it is made once. There is none in a terminal. */
  readonly ticketId?: string;
  now(): Date;
  /** Aborted when the process is asked to stop or the job's time is over. */
  readonly signal: AbortSignal;
  /** Tells how far a long look is; at most one message is edited for it, every few seconds. */
  progress(done: number, total: number, note: string): void;
};

/** A look changes nothing in what it looks at: it may run twice, side by side, at any time. */
export type Look<Input extends JsonObject = JsonObject> = {
  readonly kind: 'look';
  /** Unique, the words as typed: `etcd health`. */
  readonly name: string;
  readonly input: z.ZodType<Input>;
  /** How long it may take, where that is more than a minute. */
  readonly timeLimitMs?: number;
  /** Whether the answer to this is for the asker alone, and the line too: whatever the answer then is. */
  isForAskerAlone?(input: Input): boolean;
  run(input: Input, context: Context): Promise<Report>;
};

/** One thing that has to hold before a change may go on, and what was seen of it. Unknown is never taken for ok. */
export type Check = {
  /** A title, as in a checklist read aloud: `All voters answer`. */
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'blocking' | 'unknown';
  readonly seen: string;
  /** What to do; empty where it is ok. */
  readonly advice: string;
};

/** What a change is bound to: approving a plan for one cluster approves nothing on another of the same name. */
export type Target = {
  readonly kind: 'etcd' | 'workload';
  /** The name in the config. */
  readonly name: string;
  /** The target's own identity: etcd's cluster id, a workload's uid. */
  readonly identity: string;
};

/** What a change would do, and whether it may. Making it changes nothing. */
export type Proposal<Plan extends JsonObject = JsonObject> = {
  readonly target: Target;
  /** The decision, as data, and nothing that fluctuates: what the approval is bound to. */
  readonly plan: Plan;
  readonly checks: readonly Check[];
  /** Why this may not be begun without a second person, where that depends on what was seen. */
  readonly notAlone?: string;
  /** How many have to say yes, where that is more than the config asks for. */
  readonly approvers?: number;
  /** The plan in words: `add etcd4 at https://10.0.0.4:2380 to prod as a learner, then promote it`. */
  readonly words: string;
  /** Quorum before and after, what it restarts: what an approver wants to see. */
  readonly sections: readonly Section[];
};

/** What a step came to. */
export type Outcome =
  | {
      readonly kind: 'done';
      readonly note?: string;
      readonly findings?: readonly Finding[];
      readonly sections?: readonly Section[];
    }
  | {
      readonly kind: 'waiting';
      readonly reason: string;
      readonly recheckAfterMs: number;
      /** Milliseconds since the epoch, computed from the step's stored start. */
      readonly giveUpAt: number;
      readonly sections?: readonly Section[];
    }
  | { readonly kind: 'blocked'; readonly refusal: Refusal; readonly sections?: readonly Section[] };

export type StepContext = Context & {
  /** When this step was first tried: stored, so that a restart does not begin the wait again. */
  readonly startedAt: Date;
  /** What the step wrote down before it acted, kept over crashes. Shared by all steps of the change. */
  readonly intent: { readonly value: JsonObject; write(more: JsonObject): Promise<void> };
  /**
   * To be called right before each mutation.
   * @throws when another worker has taken the change over, or it was cancelled
   */
  fence(): Promise<void>;
};

/** One part of a change that brings about a state. It looks first, acts only if needed, and may be run twice. */
export type Step<Plan extends JsonObject = JsonObject> = {
  readonly title: string;
  /** How long one try may take, where that is more than a minute. */
  readonly timeLimitMs?: number;
  ensure(plan: Plan, context: StepContext): Promise<Outcome>;
};

/** What takes a change back, as a person would ask for it: another change, proposed, shown and approved like any. */
export type Undo = {
  /** What a button says: `Remove etcd-4 again`. */
  readonly title: string;
  /** The line without its slash: `etcd remove 8e9e05c52164694d --cluster prod`. */
  readonly line: string;
};

/** A change proposes a plan, and carries it out once it is approved. */
export type Change<Input extends JsonObject = JsonObject, Plan extends JsonObject = JsonObject> = {
  readonly kind: 'change';
  readonly name: string;
  readonly input: z.ZodType<Input>;
  readonly plan: z.ZodType<Plan>;
  /** Raised when the meaning of a plan's fields changes: approvals of the older meaning end. */
  readonly planVersion: number;
  /** @throws Refusal where there is nothing to propose */
  propose(input: Input, context: Context): Promise<Proposal<Plan>>;
  steps(plan: Plan): readonly Step<Plan>[];
  /** How to take back what stands of it once it has ended; undefined where nothing does, or where there is no way back. */
  undo?(plan: Plan, record: ChangeRecord): Undo | undefined;
};

export type Job<Input extends JsonObject = JsonObject> = Look<Input> | Change<Input>;

/** Declares a look. The name is what the queue carries; the schema parses what comes off it. */
export function look<Input extends JsonObject>(definition: Omit<Look<Input>, 'kind'>): Look<Input> {
  return { kind: 'look', ...definition };
}

/** Declares a change. */
export function change<Input extends JsonObject, Plan extends JsonObject>(
  definition: Omit<Change<Input, Plan>, 'kind'>,
): Change<Input, Plan> {
  return { kind: 'change', ...definition };
}
