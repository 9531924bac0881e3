import { randomUUID } from 'node:crypto';
import type { KubernetesObject } from './object.ts';
import type { Resource } from './resource.ts';

/** One write, in order: what a watch would tell, and what is undone to look at an older state. */
export type Change = {
  readonly revision: number;
  readonly resource: string;
  readonly key: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubernetesObject;
  readonly before: KubernetesObject | undefined;
};

export type Entry = { readonly key: string; readonly object: KubernetesObject };

/** The store behind the API: every write has a revision, and older states stay readable until compacted. */
export class Store {
  readonly #objects = new Map<string, Map<string, KubernetesObject>>();
  readonly #listeners = new Set<(change: Change) => void>();
  #changes: Change[] = [];
  #compacted = 0;
  #revision: number;

  constructor(firstRevision = 1000) {
    this.#revision = firstRevision;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Older states than this one are forgotten. */
  get compacted(): number {
    return this.#compacted;
  }

  get(resource: Resource, namespace: string, name: string): KubernetesObject | undefined {
    return this.#objects.get(storedAs(resource))?.get(keyOf(namespace, name));
  }

  /** Keeps the object under its name; what a real server fills in at creation is filled in where it is missing. */
  put(resource: Resource, object: KubernetesObject): KubernetesObject {
    const kept = this.#kept(resource);
    const key = keyOf(object.metadata.namespace ?? '', object.metadata.name);
    const before = kept.get(key);
    const revision = this.#next();
    const stored: KubernetesObject = {
      ...structuredClone(object),
      metadata: {
        ...structuredClone(object.metadata),
        uid: object.metadata.uid ?? before?.metadata.uid ?? randomUUID(),
        resourceVersion: String(revision),
        creationTimestamp:
          object.metadata.creationTimestamp ??
          before?.metadata.creationTimestamp ??
          new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
      },
    };
    kept.set(key, stored);
    this.#tell({ resource: storedAs(resource), key, type: before ? 'MODIFIED' : 'ADDED', object: stored, before });
    return stored;
  }

  /** Forgets the object; undefined when there was none. */
  remove(resource: Resource, namespace: string, name: string): KubernetesObject | undefined {
    const key = keyOf(namespace, name);
    const kept = this.#kept(resource);
    const before = kept.get(key);
    if (before === undefined) return undefined;
    kept.delete(key);
    const revision = this.#next();
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(revision) } };
    this.#tell({ resource: storedAs(resource), key, type: 'DELETED', object, before });
    return before;
  }

  /**
   * Objects in the order of their keys, `namespace/name`, as a real store lists them, in the state at `revision`.
   * Undefined when that state is compacted.
   */
  list(resource: Resource, namespace: string, revision = this.#revision): Entry[] | undefined {
    if (revision < this.#compacted) return undefined;
    const state = new Map(this.#kept(resource));
    for (const change of this.#changes.toReversed()) {
      if (change.revision <= revision) break;
      if (change.resource !== storedAs(resource)) continue;
      if (change.before === undefined) state.delete(change.key);
      else state.set(change.key, change.before);
    }
    const prefix = namespace === '' ? '' : `${namespace}/`;
    return [...state]
      .filter(([key]) => key.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, object]) => ({ key: key.slice(prefix.length), object }));
  }

  /** The writes after `revision`, oldest first; undefined when some of them are compacted. */
  changesSince(revision: number): readonly Change[] | undefined {
    return revision < this.#compacted ? undefined : this.#changes.filter((change) => change.revision > revision);
  }

  /** Calls back at each later write; the result ends that. */
  listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Forgets all older states, as a real store does every five minutes: their pages and watches are then gone (410). */
  compact(): void {
    this.#compacted = this.#next();
    this.#changes = [];
  }

  #kept(resource: Resource): Map<string, KubernetesObject> {
    const kept = this.#objects.get(storedAs(resource)) ?? new Map<string, KubernetesObject>();
    this.#objects.set(storedAs(resource), kept);
    return kept;
  }

  #next(): number {
    this.#revision += 1;
    return this.#revision;
  }

  #tell(change: Omit<Change, 'revision'>): void {
    const told = { ...change, revision: this.#revision };
    this.#changes.push(told);
    for (const listener of this.#listeners) listener(told);
  }
}

/** Whether the write was to an object of this resource in this namespace; '' for any. */
export function isOf(change: Change, resource: Resource, namespace: string): boolean {
  return change.resource === storedAs(resource) && (namespace === '' || change.key.startsWith(`${namespace}/`));
}

function storedAs({ group, plural, view }: Resource): string {
  return view?.of ?? `${group}/${plural}`;
}

function keyOf(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}
