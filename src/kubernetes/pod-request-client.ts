import type { KubeConfig } from '@kubernetes/client-node';
import { readText } from './pod-list.ts';
import {
  type Connections,
  Patience,
  type StreamConnection,
  type StreamedAnswer,
  streamAnswer,
} from './pod-stream-client.ts';
import { type Asked, type RequestFailure, statusMessage } from './request-failure.ts';
import { interruptionBy, refusedWith } from './watch-interruption.ts';

export type WatchConnection = StreamConnection & {
  /** The cluster's name in the config, and its address without credentials: for messages. */
  readonly cluster: string;
  readonly address: string;
  /** The deadline for the beginning of an answer, and for each further part of a list. */
  readonly timeoutMs: number;
  /** Reads the kubeconfig anew. @throws Refusal */
  load(): Promise<KubeConfig>;
};

export type AskOptions = {
  /** Ends it. */
  readonly request: AbortController;
  readonly connections: Connections;
  /** How long the answer may be silent in between; where not given, as long as at its beginning. */
  readonly patientMs?: number;
};

/** After these the credentials may have been renewed since they were read. */
const mendedByLoading: readonly RequestFailure['kind'][] = ['unauthorized', 'credentials', 'tls'];

/** The two requests of one watch, with the credentials of the moment. */
export class PodRequests {
  readonly #connection: WatchConnection;
  readonly #namespace: string | undefined;
  readonly #stopping: AbortSignal;
  #kubeConfig: KubeConfig;

  constructor(
    connection: WatchConnection,
    kubeConfig: KubeConfig,
    namespace: string | undefined,
    stopping: AbortSignal,
  ) {
    this.#connection = connection;
    this.#kubeConfig = kubeConfig;
    this.#namespace = namespace;
    this.#stopping = stopping;
  }

  get path(): string {
    const namespace = this.#namespace;
    return namespace === undefined ? '/api/v1/pods' : `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`;
  }

  asked(verb: 'list' | 'watch'): Asked {
    const { cluster, address } = this.#connection;
    return { cluster, address, permission: { verb, resource: 'pods', namespace: this.#namespace } };
  }

  /**
   * Asks, and hands on an answer of the status 200.
   * @throws Interruption, whatever went wrong
   */
  async ask<Value>(
    verb: 'list' | 'watch',
    parameters: Readonly<Record<string, string>>,
    { request, connections, patientMs = this.#connection.timeoutMs }: AskOptions,
    use: (answer: StreamedAnswer, patience: Patience) => Promise<Value>,
  ): Promise<Value> {
    const asked = this.asked(verb);
    const patience = new Patience(request);
    const stop = () => request.abort(this.#stopping.reason);
    if (this.#stopping.aborted) stop();
    else this.#stopping.addEventListener('abort', stop, { once: true });
    const path = `${this.path}?${new URLSearchParams(parameters)}`;
    patience.allow(this.#connection.timeoutMs);
    const sent = { kubeConfig: this.#kubeConfig, connections, path, signal: request.signal };
    try {
      return await streamAnswer(this.#connection, sent, async (answer) => {
        const { status, retryAfterMs } = answer;
        const read = async () => {
          patience.allow(patientMs);
          return await answer.read();
        };
        if (status === 200) return await use({ ...answer, read }, patience);
        throw refusedWith(asked, status, statusMessage(await readText({ read })), retryAfterMs);
      });
    } catch (error) {
      throw interruptionBy(error, asked, this.#connection.timeoutMs);
    } finally {
      patience.end();
      this.#stopping.removeEventListener('abort', stop);
    }
  }

  /** Takes up credentials that were renewed, where those in hand were not accepted. */
  async renew(kind: RequestFailure['kind']): Promise<void> {
    if (!mendedByLoading.includes(kind)) return;
    // A kubeconfig that cannot be read leaves those in hand; that they are refused has been told.
    this.#kubeConfig = await this.#connection.load().catch(() => this.#kubeConfig);
  }
}
