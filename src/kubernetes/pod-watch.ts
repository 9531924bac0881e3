import type { Refusal } from '../refusal.ts';
import type { Pod } from './objects.ts';

/** Who is told of pods as they change. All of it is called in order, one after another. */
export type PodWatcher = {
  /**
   * A pod as it was listed or has changed; a deleted pod's last state comes too (`gone`). Synchronous and cheap: the next one waits.
   * What it throws is told as trouble and never ends the watch.
   */
  pod(pod: Pod, how: 'listed' | 'changed' | 'gone'): void;
  /** The list is whole: what comes now happens now. Called after each list, `pods` of them in it. */
  listed(pods: number): void;
  /** The watch stands still, and goes on trying: why. Called once for each reason in a row, not at each attempt. */
  trouble(refusal: Refusal): void;
  /** It works again after trouble. */
  working(): void;
};

/** A watch that goes on until it is stopped. */
export type PodWatch = { stop(): Promise<void> };

/** Whoever can watch the pods of a cluster: all of them, or those of one namespace. */
export type PodWatching = {
  /** @param namespace undefined: all namespaces */
  watchPods(namespace: string | undefined, watcher: PodWatcher): PodWatch;
};
