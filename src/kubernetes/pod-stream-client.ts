import type { KubeConfig, RequestContext } from '@kubernetes/client-node';
import { beforeAbort } from './before-abort.ts';

export type StreamConnection = {
  readonly library: typeof import('@kubernetes/client-node');
  /** The API server, with whatever path its kubeconfig gives it. */
  readonly server: string;
};

export type StreamRequest = {
  readonly kubeConfig: KubeConfig;
  readonly connections: Connections;
  readonly path: string;
  readonly signal: AbortSignal;
};

/** An answer whose body comes as it is sent. */
export type StreamedAnswer = {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  /** The next part of the body as text; undefined at its end. */
  read(): Promise<string | undefined>;
};

type Dispatcher = NonNullable<ReturnType<RequestContext['getDispatcher']>>;

/** The connections of requests that follow on one another: the client library makes a pool for each, of which the first is kept. */
export class Connections {
  #dispatcher: Dispatcher | undefined;

  serve(request: RequestContext): void {
    const made = request.getDispatcher();
    if (made === undefined) return;
    this.#dispatcher ??= made;
    request.setDispatcher(this.#dispatcher);
  }

  async destroy(): Promise<void> {
    await this.#dispatcher?.destroy();
  }
}

/** Ends a request that is not served: each sign of life gives it so much longer. */
export class Patience {
  readonly #request: AbortController;
  #timer: NodeJS.Timeout | undefined;
  /** Whether it was this that ended the request. */
  isOver = false;

  constructor(request: AbortController) {
    this.#request = request;
  }

  allow(ms: number): void {
    this.end();
    this.#timer = setTimeout(() => {
      this.isOver = true;
      this.#request.abort(new DOMException('no answer in time', 'TimeoutError'));
    }, ms);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** Sends one GET, with the credentials of the moment, and hands its answer on as it comes. */
export async function streamAnswer<Value>(
  { library, server }: StreamConnection,
  { kubeConfig, connections, path, signal }: StreamRequest,
  use: (answer: StreamedAnswer) => Promise<Value>,
): Promise<Value> {
  const request = new library.RequestContext(server + path, library.HttpMethod.GET);
  request.setSignal(signal);
  request.setHeaderParam('Accept', 'application/json, */*');
  request.setHeaderParam('User-Agent', 'quorum');
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  try {
    // A credential program (exec) may hang too.
    await beforeAbort(kubeConfig.applySecurityAuthentication(request), signal);
    connections.serve(request);
    const response = await new library.IsomorphicFetchHttpLibrary().send(request).toPromise();
    const decoder = new TextDecoder();
    const body = response.body.stream()?.getReader();
    reader = body;
    const retryAfterMs = Number(response.headers['retry-after']) * 1000;
    return await use({
      status: response.httpStatusCode,
      retryAfterMs: Number.isFinite(retryAfterMs) ? retryAfterMs : undefined,
      async read() {
        const part = await body?.read();
        return part === undefined || part.done ? undefined : decoder.decode(part.value, { stream: true });
      },
    });
  } finally {
    // What is left of the body holds the connection; where it was cut off already there is nothing to cancel.
    await reader?.cancel().catch(() => {});
  }
}
