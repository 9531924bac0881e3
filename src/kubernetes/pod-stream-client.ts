import type { KubeConfig, RequestContext } from '@kubernetes/client-node';
import { beforeAbort } from './before-abort.ts';

export type StreamConnection = {
  readonly library: typeof import('@kubernetes/client-node');
  /** The API server, with whatever path its kubeconfig gives it. */
  readonly server: string;
};

/** An answer whose body comes as it is sent. */
export type StreamedAnswer = {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  /** The next part of the body as text; undefined at its end. */
  read(): Promise<string | undefined>;
};

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

/**
 * Sends one GET and hands its answer on as it comes. Credentials are asked for anew, and the connection is this request's
 * own: it ends with it.
 */
export async function streamAnswer<Value>(
  { library, server }: StreamConnection,
  kubeConfig: KubeConfig,
  path: string,
  signal: AbortSignal,
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
    await destroy(request);
  }
}

async function destroy(request: RequestContext): Promise<void> {
  await request.getDispatcher()?.destroy();
}
