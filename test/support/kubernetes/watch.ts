import type { ServerResponse } from 'node:http';
import { selection } from './list.ts';
import type { KubernetesObject } from './object.ts';
import { integer, truth } from './query.ts';
import { groupVersion, type Resource } from './resource.ts';
import { badVersion, tooOld } from './status.ts';
import { type Change, isOf, type Store } from './store.ts';

export type WatchQuery = { readonly resource: Resource; readonly namespace: string; readonly query: URLSearchParams };

/** One watch that goes on: what is written to it, as it happens. */
export type Watch = { readonly start: (response: ServerResponse) => void; readonly bookmark: () => void };

/** A watch: without a version, or with 0, it begins with all there is; else with the first write after that version. */
export function openWatch(store: Store, { resource, namespace, query }: WatchQuery): Watch {
  const matches = selection(resource, query);
  const version = query.get('resourceVersion') ?? '';
  if (!/^\d*$/.test(version)) throw badVersion(version);
  const timeoutSeconds = integer(query, 'timeoutSeconds');
  const wantsBookmarks = truth(query, 'allowWatchBookmarks');
  let write: (type: string, object: object) => void = () => {};

  function tell(change: Change): void {
    if (!isOf(change, resource, namespace)) return;
    const was = change.before !== undefined && matches(change.before);
    const is = change.type !== 'DELETED' && matches(change.object);
    // An object that leaves the selection is deleted for whoever watches it.
    if (is) write(was ? 'MODIFIED' : 'ADDED', shown(change.object));
    else if (was) write('DELETED', shown(change.object));
  }

  const shown = (object: KubernetesObject) => resource.view?.show(object) ?? object;

  return {
    start(response) {
      write = (type, object) => response.write(`${JSON.stringify({ type, object })}\n`);
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
      response.flushHeaders();
      const missed = Number(version) === 0 ? [] : store.changesSince(Number(version));
      if (missed === undefined) {
        write('ERROR', tooOld(version, store.compacted));
        response.end();
        return;
      }
      if (Number(version) === 0) {
        const entries = store.list(resource, namespace) ?? [];
        for (const { object } of entries) if (matches(object)) write('ADDED', shown(object));
      }
      missed.forEach(tell);
      const stopListening = store.listen(tell);
      const timer = timeoutSeconds === undefined ? undefined : setTimeout(() => response.end(), timeoutSeconds * 1000);
      response.once('close', () => {
        stopListening();
        clearTimeout(timer);
        write = () => {};
      });
    },
    bookmark() {
      if (!wantsBookmarks) return;
      const metadata = { resourceVersion: String(store.revision), creationTimestamp: null };
      write('BOOKMARK', { kind: resource.kind, apiVersion: groupVersion(resource), metadata });
    },
  };
}
