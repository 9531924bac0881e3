import { parseFieldSelector, pinnedName } from './field-selector.ts';

/** What a request asks for, read from its method and path as an API server reads it before anything else. */
export type RequestInfo =
  | {
      readonly kind: 'resource';
      /** get, list, watch, create, update, patch, delete, deletecollection */
      readonly verb: string;
      readonly group: string;
      readonly version: string;
      readonly resource: string;
      readonly subresource: string;
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly kind: 'path'; readonly verb: string; readonly path: string };

export type ResourceRequest = Extract<RequestInfo, { kind: 'resource' }>;

const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
  GET: 'get',
  HEAD: 'get',
};

export function requestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const verb = verbs[method] ?? method.toLowerCase();
  // As the server does: the slashes of an escaped name count, and an empty namespace stands for all of them.
  const parts = decoded(path)
    .replace(/^\/|\/$/g, '')
    .split('/');
  const isCore = parts[0] === 'api' && parts.length > 2;
  const isGrouped = parts[0] === 'apis' && parts.length > 3;
  if (!isCore && !isGrouped) return { kind: 'path', verb: method.toLowerCase(), path };
  const group = isCore ? '' : (parts[1] ?? '');
  const version = (isCore ? parts[1] : parts[2]) ?? '';
  const rest = parts.slice(isCore ? 2 : 3);
  const isInNamespace = rest[0] === 'namespaces' && rest[2] !== undefined && !['status', 'finalize'].includes(rest[2]);
  const [resource = '', name = '', subresource = ''] = isInNamespace ? rest.slice(2) : rest;
  // A namespace is asked for in itself: that is how the server words its refusals.
  const namespace = rest[0] === 'namespaces' ? (rest[1] ?? '') : '';
  const isWatch = ['true', '1'].includes(query.get('watch') ?? '');
  const isCollection = name === '';
  const collectionVerb = verb === 'get' ? (isWatch ? 'watch' : 'list') : verb === 'delete' ? 'deletecollection' : verb;
  return {
    kind: 'resource',
    verb: isCollection ? collectionVerb : verb,
    group,
    version,
    resource,
    subresource,
    namespace,
    name: isCollection && collectionVerb !== 'create' ? nameInSelector(query) : name,
  };
}

function nameInSelector(query: URLSearchParams): string {
  try {
    return pinnedName(parseFieldSelector(query.get('fieldSelector') ?? ''));
  } catch {
    return '';
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
