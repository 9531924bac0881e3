import { fieldMatcher, parseFieldSelector } from './field-selector.ts';
import { parseLabelSelector } from './label-selector.ts';
import type { KubernetesObject } from './object.ts';
import { type Position, positionOf, token } from './page-token.ts';
import { integer } from './query.ts';
import { groupVersion, type Resource } from './resource.ts';
import { badRequest, expired, Failure, futureRevision, invalid } from './status.ts';
import type { Store } from './store.ts';

export type ListQuery = {
  readonly resource: Resource;
  readonly namespace: string;
  readonly query: URLSearchParams;
  /** Pages hold no more than this, whatever larger limit was asked for. */
  readonly pageSize: number;
};

/** One page of a list: the objects in the order of their keys, and a token for the rest. */
export function listPage(store: Store, { resource, namespace, query, pageSize }: ListQuery): object {
  const matches = selection(resource, query);
  const asked = integer(query, 'limit') ?? 0;
  // Version 0 asks for whatever a cache has: the server before 1.31 then ignores the limit.
  const limit =
    query.get('resourceVersion') === '0' || asked <= 0 ? Number.POSITIVE_INFINITY : Math.min(asked, pageSize);
  checkVersionMatch(query);
  const from = continuePosition(query, store);
  const entries = store.list(resource, namespace, from.revision);
  if (entries === undefined) throw from.start === '' ? expired() : expired(token({ ...from, revision: -1 }));
  const rest = entries.filter(({ key }) => key >= from.start);
  const found = rest.filter(({ object }) => matches(object));
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const more = found.length > page.length && last !== undefined;
  // With a selector the server does not know how many remain: it has not looked at them.
  const isWhole = !query.get('labelSelector') && !query.get('fieldSelector');
  return {
    kind: `${resource.kind}List`,
    apiVersion: groupVersion(resource),
    metadata: {
      resourceVersion: String(from.revision),
      ...(more ? { continue: token({ revision: from.revision, start: `${last.key}\u0000` }) } : {}),
      ...(more && isWhole ? { remainingItemCount: found.length - page.length } : {}),
    },
    items: page.map(({ object }) => listed(resource, object)),
  };
}

/** Whether an object is what the label and field selectors of the query ask for. */
export function selection(resource: Resource, query: URLSearchParams): (object: KubernetesObject) => boolean {
  const labels = query.get('labelSelector') ?? '';
  const fields = query.get('fieldSelector') ?? '';
  const matchesLabels = refusing(() => parseLabelSelector(labels));
  const terms = refusing(() => parseFieldSelector(fields));
  const matchesFields = refusing(() => fieldMatcher(resource, terms));
  return (object) => matchesLabels(object.metadata.labels ?? {}) && matchesFields(object);
}

/** Objects in a list carry no kind of their own; the list tells it. */
function listed(resource: Resource, object: KubernetesObject): object {
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = resource.view?.show(object) ?? object;
  return rest;
}

function continuePosition(query: URLSearchParams, store: Store): Position {
  const text = query.get('continue') ?? '';
  const version = query.get('resourceVersion') ?? '';
  if (text === '') {
    if (version !== '' && !/^\d+$/.test(version)) {
      const quoted = JSON.stringify(version);
      throw badRequest(
        `invalid resource version: resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: ` +
          'invalid syntax',
      );
    }
    if (Number(version) > store.revision) throw futureRevision();
    return { revision: versionToShow(query, store), start: '' };
  }
  if (version !== '' && version !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  const position = positionOf(text);
  return position.revision > 0 ? position : { ...position, revision: store.revision };
}

/** With a version a first page shows that very state, unless any newer one will do; so it was with a limit from the beginning. */
function versionToShow(query: URLSearchParams, store: Store): number {
  const version = Number(query.get('resourceVersion') ?? '');
  const match = query.get('resourceVersionMatch') ?? '';
  const isExact = match === 'Exact' || (match === '' && Number(query.get('limit') ?? '') > 0);
  return version > 0 && isExact ? version : store.revision;
}

function checkVersionMatch(query: URLSearchParams): void {
  const match = query.get('resourceVersionMatch') ?? '';
  if (match === '') return;
  const field = 'resourceVersionMatch';
  const refuse = (problem: string) =>
    invalid({ group: 'meta.k8s.io', kind: 'ListOptions', name: '', causes: [{ field, problem }] });
  if (!query.get('resourceVersion')) {
    throw refuse('Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided');
  }
  if (query.get('continue')) throw refuse('Forbidden: resourceVersionMatch is forbidden when continue is provided');
  if (match === 'Exact' && query.get('resourceVersion') === '0') {
    throw refuse('Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
}

function refusing<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw badRequest(error instanceof Error ? error.message : String(error));
  }
}
