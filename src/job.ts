import type { z } from 'zod';
import type { EtcdCluster } from './etcd/client.ts';
import type { KubernetesCluster } from './kubernetes/client.ts';
import type { JsonObject, Report } from './report/report.ts';

/**
 * The clusters a job may ask, by the name in the config. Made on first use, kept for the life of the process.
 * An unknown name is a Refusal that lists the known ones.
 */
export type Clients = {
  etcd(cluster: string): Promise<EtcdCluster>;
  kubernetes(cluster: string): Promise<KubernetesCluster>;
};

/** What a job is handed besides its input. Everything that a test replaces is in here. */
export type Context = {
  readonly clients: Clients;
  now(): Date;
  /** Aborted when the process is asked to stop or the job's time is over. */
  readonly signal: AbortSignal;
  /** Tells how far a long look is; at most one message is edited for it, every few seconds. */
  progress(done: number, total: number, note: string): void;
};

/** A look only reads: it may run twice, side by side, at any time. */
export type Look<Input extends JsonObject = JsonObject> = {
  readonly kind: 'look';
  /** Unique, the words as typed: `etcd health`. */
  readonly name: string;
  readonly input: z.ZodType<Input>;
  run(input: Input, context: Context): Promise<Report>;
};

export type Job = Look;

/** Declares a look. The name is what the queue carries; the schema parses what comes off it. */
export function look<Input extends JsonObject>(definition: Omit<Look<Input>, 'kind'>): Look<Input> {
  return { kind: 'look', ...definition };
}
