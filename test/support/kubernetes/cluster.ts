import type { ServerResponse } from 'node:http';
import { reviewAccess, type User } from './access.ts';
import { discovered, isKnownGroup } from './discovery.ts';
import { demandEvictable } from './eviction.ts';
import { listPage } from './list.ts';
import { metricsAnswer, type NodeUsage, type PodUsage, type Usage } from './metrics.ts';
import type { KubernetesObject } from './object.ts';
import { patched } from './patch.ts';
import { logEnd, logLines, logRequest, logSource, logText } from './pod-logs.ts';
import type { RequestInfo, ResourceRequest } from './request.ts';
import { findResource, groupVersion, type Resource, resourceOf, served } from './resource.ts';
import { methodNotAllowed, noSuchPath, noSuchResource, notFound, serviceUnavailable } from './status.ts';
import { type Change, Store } from './store.ts';
import { type Break, openWatch, type Watch } from './watch.ts';

export type RecordedLog = {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly run: 'current' | 'previous';
  readonly text: string;
};

export type RecordedMetrics =
  | { readonly namespace: string; readonly pod: string; readonly containers: Readonly<Record<string, Usage>> }
  | { readonly node: string; readonly usage: Usage };

/** What a cluster holds besides what it makes up as it is asked. */
export type Recorded = {
  readonly objects: readonly KubernetesObject[];
  readonly logs: readonly RecordedLog[];
  readonly metrics: readonly RecordedMetrics[];
};

type Settings = {
  readonly pageSize: number;
  readonly metricsApi: 'served' | 'absent' | 'unavailable';
  readonly version: string;
  readonly expiredWatch: 'event' | 'status';
  readonly now: () => Date;
};

export type Question = {
  readonly info: RequestInfo;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly user: User;
  readonly body: string;
};

/** An answer: an object, plain text, or something that writes for as long as it lasts. */
export type Answer =
  | { readonly json: unknown; readonly code?: number }
  | { readonly text: string | Buffer; readonly type?: string }
  | { readonly stream: (response: ServerResponse) => void };

/** The state of a cluster and its answers to requests that are known to be allowed. */
export class Cluster {
  readonly #settings: Settings;
  readonly #store = new Store();
  readonly #watches = new Set<Watch>();
  readonly #logs = new Map<string, { text: string; at: Date }>();
  readonly #podUsage = new Map<string, Readonly<Record<string, Usage>>>();
  readonly #nodeUsage = new Map<string, Usage>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  record({ objects, logs, metrics }: Recorded): void {
    this.load(objects);
    for (const log of logs) this.setLog(log);
    for (const sample of metrics) this.setMetrics(sample);
  }

  load(objects: readonly KubernetesObject[]): void {
    for (const object of objects) {
      const resource = resourceOf(object);
      if (resource === undefined) throw new Error(`${object.apiVersion} ${object.kind} is not served here`);
      const { namespace } = object.metadata;
      if (resource.isNamespaced === (namespace === undefined)) {
        const rule = resource.isNamespaced ? 'needs a namespace' : 'has no namespace';
        throw new Error(`${object.kind} ${object.metadata.name} ${rule}`);
      }
      this.#store.put(resource, object);
    }
    for (const { metadata } of objects) {
      const namespaces = known('', 'v1', 'namespaces');
      const name = metadata.namespace;
      if (name === undefined || this.#store.get(namespaces, '', name) !== undefined) continue;
      this.#store.put(namespaces, { ...namespaceObject, metadata: { name } });
    }
  }

  remove(kind: string, namespace: string, name: string): void {
    const resource = served.find((each) => each.view === undefined && each.kind === kind);
    if (resource === undefined) throw new Error(`${kind} is not served here`);
    if (this.#store.remove(resource, namespace, name) === undefined) throw new Error(`no ${kind} ${namespace}/${name}`);
  }

  compact(): void {
    this.#store.compact();
  }

  bookmark(): void {
    for (const watch of this.#watches) watch.bookmark();
  }

  /** Writes a line to every watch; the result is how many there are. */
  tellWatches(line: string): number {
    for (const watch of this.#watches) watch.tell(line);
    return this.#watches.size;
  }

  breakWatches(how: Break): number {
    for (const watch of this.#watches) watch.breakOff(how);
    return this.#watches.size;
  }

  setLog({ namespace, pod, container, run, text }: RecordedLog): void {
    this.#logs.set([namespace, pod, container, run].join('/'), { text, at: this.#settings.now() });
  }

  setMetrics(sample: RecordedMetrics): void {
    if ('node' in sample) this.#nodeUsage.set(sample.node, sample.usage);
    else this.#podUsage.set(`${sample.namespace}/${sample.pod}`, sample.containers);
  }

  answer({ info, path, query, user, body }: Question): Answer {
    if (info.kind === 'path') return this.#pathAnswer(info.verb, path);
    const { group, version } = info;
    if (group === 'metrics.k8s.io') return { json: this.#metrics(info, query) };
    if (group === 'authorization.k8s.io') return review(info, user, body);
    if (!isKnownGroup(group)) throw noSuchPath();
    const resource = findResource(group, version, info.resource);
    if (resource === undefined) throw noSuchResource();
    // Only the list of all namespaces reaches into several; a cluster-wide resource is in none.
    if (!resource.isNamespaced && info.namespace !== '' && resource.plural !== 'namespaces') throw noSuchResource();
    if (info.subresource === 'log' && resource.plural === 'pods') return this.#log(resource, info, query);
    if (info.subresource === 'eviction' && info.verb === 'create') return this.#evict(resource, info, body);
    if (info.subresource !== '') throw noSuchResource();
    if (info.verb === 'get') return this.#one(resource, info);
    if (info.verb === 'watch') return this.#watch(resource, info, query);
    if (info.verb === 'list') return { json: this.#list(resource, info, query) };
    if (info.verb === 'patch' && info.group === 'apps') return this.#patch(resource, info, query, body);
    throw methodNotAllowed();
  }

  /** What is kept under this name; undefined where there is none. */
  find(kind: string, namespace: string, name: string): KubernetesObject | undefined {
    const resource = served.find((each) => each.view === undefined && each.kind === kind);
    return resource === undefined ? undefined : this.#store.get(resource, namespace, name);
  }

  /** All of a kind in a namespace, in the order of their names. */
  all(kind: string, namespace: string): KubernetesObject[] {
    const resource = served.find((each) => each.view === undefined && each.kind === kind);
    const entries = resource === undefined ? [] : (this.#store.list(resource, namespace) ?? []);
    return entries.map(({ object }) => object);
  }

  /** Calls back at each later write; the result ends that. */
  listen(listener: (change: Change) => void): () => void {
    return this.#store.listen(listener);
  }

  #patch(resource: Resource, { namespace, name }: ResourceRequest, query: URLSearchParams, body: string): Answer {
    const found = this.#store.get(resource, namespace, name);
    if (found === undefined) throw notFound(resource.group, resource.plural, name);
    const made = patched(resource, found, body);
    return { json: query.get('dryRun') === 'All' ? made : this.#store.put(resource, made) };
  }

  #evict(pods: Resource, { namespace, name }: ResourceRequest, body: string): Answer {
    const pod = this.#store.get(pods, namespace, name);
    if (pod === undefined) throw notFound('', 'pods', name);
    demandEvictable(body, pod, this.all('PodDisruptionBudget', namespace), this.#settings.version);
    this.#store.remove(pods, namespace, name);
    return { json: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' }, code: 201 };
  }

  #pathAnswer(verb: string, path: string): Answer {
    const health = ['/healthz', '/livez', '/readyz'].includes(path);
    const hasMetrics = this.#settings.metricsApi !== 'absent';
    const found = health ? 'ok' : discovered(path, { version: this.#settings.version, hasMetrics });
    if (found === undefined) {
      const group = path.startsWith('/apis/') ? path.split('/')[2] : path.startsWith('/api/') ? '' : undefined;
      throw group !== undefined && isKnownGroup(group) ? noSuchResource() : noSuchPath();
    }
    if (verb !== 'get') throw methodNotAllowed();
    return health ? { text: 'ok', type: 'text/plain; charset=utf-8' } : { json: found };
  }

  #one(resource: Resource, { namespace, name }: ResourceRequest): Answer {
    // Without its namespace a namespaced object has no address.
    if (resource.isNamespaced && namespace === '') throw noSuchResource();
    const found = this.#store.get(resource, resource.isNamespaced ? namespace : '', name);
    if (found === undefined) throw notFound(resource.group, resource.plural, name);
    return { json: resource.view?.show(found) ?? found };
  }

  #list(resource: Resource, { namespace }: ResourceRequest, query: URLSearchParams): object {
    return listPage(this.#store, {
      resource,
      namespace: resource.isNamespaced ? namespace : '',
      query,
      pageSize: this.#settings.pageSize,
    });
  }

  #watch(resource: Resource, { namespace }: ResourceRequest, query: URLSearchParams): Answer {
    const place = resource.isNamespaced ? namespace : '';
    const expiredAs = this.#settings.expiredWatch;
    const watch = openWatch(this.#store, { resource, namespace: place, query, expiredAs });
    return {
      stream: (response) => {
        this.#watches.add(watch);
        response.once('close', () => this.#watches.delete(watch));
        watch.start(response);
      },
    };
  }

  #log(resource: Resource, info: ResourceRequest, query: URLSearchParams): Answer {
    if (info.verb !== 'get') throw methodNotAllowed();
    const { namespace, name } = info;
    const now = this.#settings.now();
    const request = logRequest(query, name, now);
    const pod = this.#store.get(resource, namespace, name);
    if (pod === undefined) throw notFound('', 'pods', name);
    const source = logSource(pod, request);
    const log = source && this.#logs.get([namespace, name, source.container, source.run].join('/'));
    if (source === undefined || log === undefined) return { text: '' };
    return { text: logText(logLines(log.text, logEnd(pod, source) ?? log.at), request) };
  }

  #metrics(info: ResourceRequest, query: URLSearchParams): object {
    if (this.#settings.metricsApi === 'absent') throw noSuchPath();
    if (this.#settings.metricsApi === 'unavailable') throw serviceUnavailable();
    if (info.verb !== 'list' && info.verb !== 'get') throw methodNotAllowed();
    const { now } = this.#settings;
    return metricsAnswer(info, { query, pods: this.#pods(), nodes: this.#nodes(), now: now() });
  }

  #pods(): PodUsage[] {
    const entries = this.#store.list(known('', 'v1', 'pods'), '') ?? [];
    return entries.flatMap(({ key, object }) => {
      const containers = this.#podUsage.get(key);
      return containers === undefined ? [] : [{ pod: object, containers }];
    });
  }

  #nodes(): NodeUsage[] {
    const entries = this.#store.list(known('', 'v1', 'nodes'), '') ?? [];
    return entries.flatMap(({ key, object }) => {
      const usage = this.#nodeUsage.get(key);
      return usage === undefined ? [] : [{ node: object, usage }];
    });
  }
}

const namespaceObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  spec: { finalizers: ['kubernetes'] },
  status: { phase: 'Active' },
};

function known(group: string, version: string, plural: string): Resource {
  const resource = findResource(group, version, plural);
  if (resource === undefined) throw new Error(`${plural} of ${groupVersion({ group, version })} is not served here`);
  return resource;
}

function review({ resource, version, verb }: ResourceRequest, user: User, body: string): Answer {
  if (resource !== 'selfsubjectaccessreviews' || version !== 'v1') throw noSuchResource();
  if (verb !== 'create') throw methodNotAllowed();
  return { code: 201, json: reviewAccess(user, body) };
}
