import { compile } from 'zod';
import { redact } from '../redact.ts';
import { Refusal } from '../refusal.ts';
import { shortened } from '../report/text.ts';
import { messageOf } from '../thrown.ts';
import { type Pod, podSchema } from './objects.ts';
import type { PodWatcher } from './pod-watch.ts';
import type { PodStub } from './watch-event.ts';

/** One odd pod, or a watcher that throws, is told of again after this long. */
const asideEveryMs = 600_000;
const mostAsides = 100;

let compiled: typeof podSchema | undefined;

/**
 * The schema of a pod as code: three times as fast, and with a tenth of the garbage, which at thousands of pods in a second V8
 * would take for what stays. Compiling takes a tenth of a second, so it waits for the first watch.
 */
function compiledPod(): typeof podSchema {
  compiled ??= compile(podSchema);
  return compiled;
}

/** Tells one watcher what its watch sees: each reason for trouble once, and nothing any more once it was silenced. */
export class WatchVoice {
  readonly #cluster: string;
  readonly #watcher: PodWatcher;
  readonly #nowMs: () => number;
  readonly #schema = compiledPod();
  readonly #asides = new Map<string, number>();
  /** The reason why it stands still; undefined while it works. */
  #standing: string | undefined;
  #isSilent = false;

  constructor(cluster: string, watcher: PodWatcher, nowMs: () => number = Date.now) {
    this.#cluster = cluster;
    this.#watcher = watcher;
    this.#nowMs = nowMs;
  }

  silence(): void {
    this.#isSilent = true;
  }

  /** An object as the API sent it: it is told if it is a pod, and else told of. */
  object(object: unknown, how: Parameters<PodWatcher['pod']>[1], stub: PodStub): void {
    if (this.#isSilent) return;
    const parsed = this.#schema.safeParse(object);
    if (parsed.success) {
      this.#pod(parsed.data, how);
      return;
    }
    const issue = parsed.error.issues[0];
    const field = issue?.path.join('.') ?? '';
    this.oddity(`${placeOf(stub)}: ${field}: ${issue?.message ?? ''}`, field);
  }

  /** A pod went while nobody watched: all that is known of it is what was kept. */
  goneUnseen({ metadata }: PodStub): void {
    if (!this.#isSilent) this.#pod(this.#schema.parse({ metadata }), 'gone');
  }

  /** Something that is no pod came; it is skipped. */
  oddity(what: string, kind: string = what): void {
    const refusal = new Refusal(
      `The Kubernetes API of ${this.#cluster} sent a pod that cannot be read: ${shown(what)}.`,
      'It was skipped, and the watch goes on. Look at that pod with kubectl get -o yaml.',
    );
    this.#aside(`odd ${kind}`, refusal);
  }

  listed(pods: number): void {
    if (this.#isSilent) return;
    // A list is a sign of life: what stands in the way of the watch after it is told again.
    if (this.#standing !== undefined) this.#standing = '';
    this.#heard('The list of pods', () => this.#watcher.listed(pods));
  }

  trouble(refusal: Refusal): void {
    if (this.#isSilent || this.#standing === refusal.message) return;
    this.#standing = refusal.message;
    this.#say(() => this.#watcher.trouble(refusal));
  }

  working(): void {
    if (this.#isSilent || this.#standing === undefined) return;
    this.#standing = undefined;
    this.#say(() => this.#watcher.working());
  }

  #pod(pod: Pod, how: Parameters<PodWatcher['pod']>[1]): void {
    const { namespace = '', name = '' } = pod.metadata;
    this.#heard(`The pod ${namespace}/${name}`, () => this.#watcher.pod(pod, how));
  }

  /** There is nobody else to tell that telling fails. */
  #say(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      process.emitWarning(`a watcher of pods fails to hear: ${shown(messageOf(error))}`);
    }
  }

  #heard(what: string, tell: () => void): void {
    try {
      tell();
    } catch (error) {
      const message = messageOf(error);
      const refusal =
        error instanceof Refusal
          ? error
          : new Refusal(
              `${what} was seen and could not be dealt with: ${shown(message)}.`,
              'The watch goes on. Look into the log of Quorum.',
            );
      this.#aside(`thrown ${message}`, refusal);
    }
  }

  /** Told of, without standing still. */
  #aside(key: string, refusal: Refusal): void {
    if (this.#isSilent) return;
    const nowMs = this.#nowMs();
    const toldMs = this.#asides.get(key);
    if (toldMs !== undefined && nowMs - toldMs < asideEveryMs) return;
    if (this.#asides.size >= mostAsides) this.#asides.clear();
    this.#asides.set(key, nowMs);
    this.#say(() => this.#watcher.trouble(refusal));
    // Why it stands still, if it does, is to be the last word.
    if (this.#standing === undefined) this.#say(() => this.#watcher.working());
    else this.#standing = '';
  }
}

function placeOf({ metadata }: PodStub): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function shown(text: string): string {
  return shortened(redact(text.replace(/\s+/g, ' ').trim().replace(/\.$/, '')), 200);
}
