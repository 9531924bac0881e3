import type { ServerResponse } from 'node:http';
import { selection } from './list.ts';
import type { KubernetesObject } from './object.ts';
import { integer, truth } from './query.ts';
import { groupVersion, type Resource } from './resource.ts';
import { badVersion, Failure, tooOld } from './status.ts';
import { type Change, isOf, type Store } from './store.ts';

export type WatchQuery = {
  readonly resource: Resource;
  readonly namespace: string;
  readonly query: URLSearchParams;
  /** How a version that is too old is refused: servers do either. */
  readonly expiredAs: 'event' | 'status';
};

/**
 * How a watch breaks. `end`: as its time were over. `reset`: its connection is torn down. `cut`: in the middle of a line.
 * `silence`: nothing comes any more, and the connection stays (half-open).
 */
export type Break = 'end' | 'reset' | 'cut' | 'silence';

/** One watch that goes on: what is written to it, as it happens. */
export type Watch = {
  readonly start: (response: ServerResponse) => void;
  readonly bookmark: () => void;
  /** Writes a line that no store has told. */
  readonly tell: (line: string) => void;
  readonly breakOff: (how: Break) => void;
};

/** A watch: without a version, or with 0, it begins with all there is; else with the first write after that version. */
export function openWatch(store: Store, { resource, namespace, query, expiredAs }: WatchQuery): Watch {
  const matches = selection(resource, query);
  const version = query.get('resourceVersion') ?? '';
  if (!/^\d*$/.test(version)) throw badVersion(version);
  const timeoutSeconds = integer(query, 'timeoutSeconds');
  const wantsBookmarks = truth(query, 'allowWatchBookmarks');
  const isTooOld = Number(version) !== 0 && store.changesSince(Number(version)) === undefined;
  if (isTooOld && expiredAs === 'status') throw new Failure(tooOld(version, store.compacted));
  let writeLine: (line: string) => void = () => {};
  const write = (type: string, object: object) => writeLine(JSON.stringify({ type, object }));
  let breakOff: (how: Break) => void = () => {};

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
      writeLine = (line) => response.write(`${line}\n`);
      breakOff = (how) => {
        writeLine = () => {};
        if (how === 'end') response.end();
        if (how === 'reset') response.socket?.resetAndDestroy();
        if (how === 'cut') response.write('{"type":"MODIFIED","object":{"kind":"Po', () => response.destroy());
      };
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
        writeLine = () => {};
        breakOff = () => {};
      });
    },
    tell: (line) => writeLine(line),
    breakOff: (how) => breakOff(how),
    bookmark() {
      if (!wantsBookmarks) return;
      const metadata = { resourceVersion: String(store.revision), creationTimestamp: null };
      write('BOOKMARK', { kind: resource.kind, apiVersion: groupVersion(resource), metadata });
    },
  };
}
