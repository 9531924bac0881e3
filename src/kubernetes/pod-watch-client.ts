import { setTimeout as wait } from 'node:timers/promises';
import type { KubeConfig, ListWatch } from '@kubernetes/client-node';
import { podsPerPage, readListPage } from './pod-list.ts';
import { PodRequests, type WatchConnection } from './pod-request-client.ts';
import { Connections } from './pod-stream-client.ts';
import type { PodWatch, PodWatcher } from './pod-watch.ts';
import { Lines, type PodStub, readWatchEvent, stubOf, type WatchEvent } from './watch-event.ts';
import { Interruption, refusedWith } from './watch-interruption.ts';
import { WatchPace, type WatchTiming } from './watch-pace.ts';
import { WatchVoice } from './watch-voice.ts';

export type WatchParts = {
  readonly connection: WatchConnection;
  readonly kubeConfig: KubeConfig;
  readonly timing: WatchTiming;
};

/** The informer's own callback for an event. */
type Handle = (type: string, object: unknown) => void;

/** A watch is asked to end after five to ten minutes, as client-go asks: so the load of the API servers spreads anew. */
const shortestWatchSeconds = 300;

/**
 * Watches pods through client-node's informer, which keeps of each no more than a stub: where to go on, and who is gone after
 * a list. Most errors stop the informer; it is started again from where it stood, at the watch's pace.
 */
export function watchPods(
  { connection, kubeConfig, timing }: WatchParts,
  namespace: string | undefined,
  watcher: PodWatcher,
): PodWatch {
  const { library } = connection;
  const stopping = new AbortController();
  const requests = new PodRequests(connection, kubeConfig, namespace, stopping.signal);
  const voice = new WatchVoice(connection.cluster, watcher);
  const pace = new WatchPace(timing);
  const underway = new Set<Promise<unknown>>();
  let listedPods: number | undefined;
  let deleting: PodStub | undefined;

  /** All pages of a list, tried until they are there. */
  async function list() {
    for (;;) {
      try {
        return await listOnce(new Connections());
      } catch (error) {
        if (stopping.signal.aborted || !(error instanceof Interruption)) throw error;
        await rest(error, 'not yet');
      }
    }
  }

  async function listOnce(connections: Connections) {
    const stubs: PodStub[] = [];
    let version: string | undefined;
    let next: string | undefined;
    try {
      do {
        const parameters = { limit: String(podsPerPage), ...(next === undefined ? {} : { continue: next }) };
        const page = await requests.ask('list', parameters, { request: new AbortController(), connections }, (answer) =>
          readListPage(answer, (object) => {
            const stub = listed(object);
            if (stub !== undefined) stubs.push(stub);
          }),
        );
        // All pages show the state of the first. Should a server not keep to that, the older version loses nothing.
        version ??= page.version;
        next = page.continue;
      } while (next !== undefined);
    } finally {
      await connections.destroy();
    }
    listedPods = stubs.length;
    return { items: stubs, metadata: { resourceVersion: version } };
  }

  function listed(object: unknown): PodStub | undefined {
    const stub = stubOf(object);
    if (stub === undefined) {
      voice.oddity('one without a name');
      return undefined;
    }
    const known = informer.get(stub.metadata.name, stub.metadata.namespace);
    if (known !== undefined && known.metadata.uid !== stub.metadata.uid) voice.goneUnseen(known);
    voice.object(object, 'listed', stub);
    return stub;
  }

  /** One connection of the watch, until it ends. */
  async function follow(version: string, request: AbortController, handle: Handle) {
    const parameters = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds: String(Math.round(shortestWatchSeconds * (1 + Math.random()))),
    };
    const seen = { isStable: false, isSilent: false, events: 0 };
    const connections = new Connections();
    let stable: NodeJS.Timeout | undefined;
    try {
      const options = { request, connections, patientMs: timing.silenceMs };
      await requests.ask('watch', parameters, options, async ({ read }, patience) => {
        stable = setTimeout(() => {
          seen.isStable = true;
          pace.settle();
          voice.working();
        }, timing.stableMs);
        const readOn = () =>
          read().catch((error: unknown) => {
            // Silence is an end like any: it goes on from where it stood.
            if (!patience.isOver) throw error;
            return undefined;
          });
        const lines = new Lines();
        for (let text = await readOn(); text !== undefined; text = await readOn()) {
          for (const line of lines.add(text)) {
            if (stopping.signal.aborted) return;
            hear(readWatchEvent(line), handle);
            seen.events += 1;
            voice.working();
          }
        }
        if (patience.isOver && seen.events === 0) seen.isSilent = true;
      });
      if (seen.isSilent) await lookBack(version);
      return { ...seen, error: undefined };
    } catch (error) {
      return { ...seen, error };
    } finally {
      clearTimeout(stable);
      await connections.destroy();
    }
  }

  function hear(event: WatchEvent, handle: Handle): void {
    switch (event.type) {
      case 'odd':
        voice.oddity(event.what);
        break;
      case 'BOOKMARK':
        handle('BOOKMARK', { metadata: { resourceVersion: event.version } });
        break;
      case 'ERROR': {
        const isExpired = event.code === 410 || event.reason === 'Expired' || event.reason === 'Gone';
        throw refusedWith(requests.asked('watch'), isExpired ? 410 : event.code, event.message, undefined);
      }
      default:
        voice.object(event.object, event.type === 'DELETED' ? 'gone' : 'changed', event.stub);
        deleting = event.stub;
        handle(event.type, event.stub);
    }
  }

  /**
   * After a silence: a server whose version is behind the watch's has another past (its etcd was restored), and would say
   * nothing until it has caught up. @throws Interruption
   */
  async function lookBack(version: string): Promise<void> {
    const connections = new Connections();
    try {
      const options = { request: new AbortController(), connections };
      const page = await requests.ask('list', { limit: '1' }, options, (answer) => readListPage(answer, () => {}));
      if (Number(page.version) < Number(version)) throw refusedWith(requests.asked('watch'), 410, '', undefined);
    } finally {
      await connections.destroy();
    }
  }

  /** Tells what went wrong, if it is worth a word, and waits as long as it is to wait. */
  async function rest({ failure, retryAfterMs }: Interruption, stability: 'stable' | 'not yet'): Promise<void> {
    const next = pace.after({ kind: failure.kind, retryAfterMs, wasStable: stability === 'stable' });
    if (next.isTold) voice.trouble(failure);
    await pause(next.waitMs);
    await requests.renew(failure.kind);
  }

  async function pause(ms: number): Promise<void> {
    await wait(ms, undefined, { signal: stopping.signal }).catch(() => {});
  }

  /** Follows one connection, and gives the informer its end when it is time for the next. */
  async function serve(version: string, request: AbortController, handle: Handle, done: (error: unknown) => void) {
    const { error, isStable } = await follow(version, request, handle);
    if (stopping.signal.aborted) return;
    if (error instanceof Interruption) await rest(error, isStable ? 'stable' : 'not yet');
    // A server that ends a watch as soon as it is open is not asked again at once.
    else if (!isStable) await pause(pace.after({ kind: 'unreachable', wasStable: false }).waitMs);
    if (!stopping.signal.aborted) done(error ?? null);
  }

  const source = new library.Watch(kubeConfig);
  source.watch = async (_path, { resourceVersion = '' }, handle, done) => {
    // The informer has dropped by now who was not in the list.
    if (listedPods !== undefined) voice.listed(listedPods);
    listedPods = undefined;
    const request = new AbortController();
    if (!stopping.signal.aborted) keep(serve(String(resourceVersion), request, handle, done));
    return request;
  };

  // Its own waits begin at a second and know nothing of why: the pace is kept here.
  const informer: ListWatch<PodStub> = new library.ListWatch<PodStub>(
    requests.path,
    source,
    () => keep(list()),
    false,
    undefined,
    undefined,
    { delayFn: async () => {} },
  );
  informer.on('delete', (stub) => {
    if (stub !== deleting) voice.goneUnseen(stub);
  });
  informer.on('error', () => {
    if (!stopping.signal.aborted) keep(informer.start());
  });

  function keep<Value>(work: Promise<Value>): Promise<Value> {
    underway.add(work);
    const forget = () => underway.delete(work);
    work.then(forget, forget);
    return work;
  }

  keep(informer.start());
  return {
    async stop() {
      voice.silence();
      stopping.abort();
      await informer.stop();
      while (underway.size > 0) await Promise.allSettled(underway);
    },
  };
}
