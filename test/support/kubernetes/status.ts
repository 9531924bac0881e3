/** The object in which an API server tells that it did not do what was asked. */
export type Status = {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: Record<string, unknown>;
  status: 'Failure';
  message: string;
  reason?: string;
  details?: Record<string, unknown>;
  code: number;
};

/** Thrown by whatever answers a request: the answer is then this status, or this plain text. */
export class Failure extends Error {
  readonly code: number;
  readonly body: Status | string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(body: Status | { code: number; text: string }, headers: Readonly<Record<string, string>> = {}) {
    super('text' in body ? body.text : body.message);
    this.code = body.code;
    this.body = 'text' in body ? body.text : body;
    this.headers = headers;
  }
}

/** A resource's name with its API group, as messages print it: `deployments.apps`. */
export function qualified(group: string, resource: string): string {
  return group === '' ? resource : `${resource}.${group}`;
}

type Parts = { reason?: string; details?: Record<string, unknown>; metadata?: Record<string, unknown> };

function status(code: number, message: string, { reason, details, metadata = {} }: Parts): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata,
    status: 'Failure',
    message,
    ...(reason === undefined ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code,
  };
}

function about(group: string, kind: string, name: string): Record<string, unknown> {
  return { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), ...(kind === '' ? {} : { kind }) };
}

export function unauthorized(): Failure {
  return new Failure(status(401, 'Unauthorized', { reason: 'Unauthorized' }));
}

export function notFound(group: string, resource: string, name: string): Failure {
  const message = `${qualified(group, resource)} ${JSON.stringify(name)} not found`;
  return new Failure(status(404, message, { reason: 'NotFound', details: about(group, resource, name) }));
}

/** A path that no API is served under: the server answers in plain text. */
export function noSuchPath(): Failure {
  return new Failure({ code: 404, text: '404 page not found\n' });
}

/** A resource that the group does not have. */
export function noSuchResource(): Failure {
  return new Failure(
    status(404, 'the server could not find the requested resource', { reason: 'NotFound', details: {} }),
  );
}

export function methodNotAllowed(): Failure {
  const message = 'the server does not allow this method on the requested resource';
  return new Failure(status(405, message, { reason: 'MethodNotAllowed', details: {} }));
}

export function badRequest(message: string): Failure {
  return new Failure(status(400, message, { reason: 'BadRequest' }));
}

/** A write that was meant for the object as it no longer is. */
export function conflict({ group, resource, name, why }: ConflictingWrite): Failure {
  const message = `Operation cannot be fulfilled on ${qualified(group, resource)} ${JSON.stringify(name)}: ${why}`;
  return new Failure(status(409, message, { reason: 'Conflict', details: about(group, resource, name) }));
}

type ConflictingWrite = {
  readonly group: string;
  readonly resource: string;
  readonly name: string;
  readonly why: string;
};

/** An eviction that a budget does not allow now. */
export function tooManyDisruptions(budget: string): Failure {
  const message = "Cannot evict pod as it would violate the pod's disruption budget.";
  const causes = [{ reason: 'DisruptionBudget', message: `The disruption budget ${budget} needs more healthy pods` }];
  return new Failure(status(429, message, { reason: 'TooManyRequests', details: { causes } }));
}

/** Values out of range in what was sent: field by field. */
export function invalid({ group = '', kind, name, causes }: InvalidObject): Failure {
  const list = causes.map(({ field, problem }) => `${field}: ${problem}`);
  const text = list.length === 1 ? list[0] : `[${list.join(', ')}]`;
  const details = {
    ...about(group, kind, name),
    causes: causes.map(({ field, problem }) => ({
      reason: problem.startsWith('Forbidden') ? 'FieldValueForbidden' : 'FieldValueInvalid',
      message: problem,
      field,
    })),
  };
  const message = `${qualified(group, kind)} ${JSON.stringify(name)} is invalid: ${text}`;
  return new Failure(status(422, message, { reason: 'Invalid', details }));
}

type InvalidObject = {
  readonly group?: string;
  readonly kind: string;
  readonly name: string;
  readonly causes: readonly { readonly field: string; readonly problem: string }[];
};

/** The state that a list was to show is forgotten; `rest` is a token that reads on in the present state. */
export function expired(rest?: string): Failure {
  if (rest === undefined) {
    return new Failure(status(410, 'The resourceVersion for the provided list is too old.', { reason: 'Expired' }));
  }
  const message =
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
    'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
    'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
    'deleted between the time the first chunk was returned and now may show up in the list.';
  return new Failure(status(410, message, { reason: 'Expired', metadata: { continue: rest } }));
}

/** What a watch tells that would have to begin with writes that are forgotten. */
export function tooOld(version: string, oldest: number): Status {
  return status(410, `too old resource version: ${version} (${oldest})`, { reason: 'Expired' });
}

/** A watch was to begin with a version that is none. */
export function badVersion(version: string): Failure {
  const quoted = JSON.stringify(version);
  const message = `resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: invalid syntax`;
  return new Failure(status(500, message, {}));
}

/** What is asked of the server, in the words of an authorizer. `resource` holds the subresource: `pods/log`. */
export type Access =
  | {
      readonly kind: 'resource';
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly kind: 'path'; readonly verb: string; readonly path: string };

export function forbidden(user: string, access: Access): Failure {
  const who = `User ${JSON.stringify(user)} cannot ${access.verb}`;
  if (access.kind === 'path') {
    const message = `forbidden: ${escaped(`${who} path ${JSON.stringify(access.path)}`)}`;
    return new Failure(status(403, message, { reason: 'Forbidden', details: {} }));
  }
  const { group, resource, namespace, name } = access;
  const main = resource.split('/')[0] ?? '';
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const what = `resource ${JSON.stringify(resource)} in API group ${JSON.stringify(group)} ${where}`;
  const named = name === '' ? '' : ` ${JSON.stringify(name)}`;
  const message = `${qualified(group, main)}${named} is forbidden: ${escaped(`${who} ${what}`)}`;
  return new Failure(status(403, message, { reason: 'Forbidden', details: about(group, main, name) }));
}

/** The server's own protection against too much traffic: plain text, with the seconds to wait. */
export function tooManyRequests(retryAfterSeconds: number): Failure {
  return new Failure(
    { code: 429, text: 'Too many requests, please try again later.\n' },
    { 'retry-after': String(retryAfterSeconds) },
  );
}

/** What the server says when its own store does not answer. */
export function storeTimeout(): Failure {
  return new Failure(status(500, 'etcdserver: request timed out', {}));
}

/** A state was asked for that is not there yet. */
export function futureRevision(): Failure {
  return new Failure(status(500, 'etcdserver: mvcc: required revision is a future revision', {}));
}

/** What the server says when it gave up on a request: after a minute, in JSON that it calls plain text. */
export function gatewayTimeout(): Failure {
  const message = 'Timeout: request did not complete within 1m0s';
  const { kind: _kind, apiVersion: _apiVersion, ...body } = status(504, message, { reason: 'Timeout', details: {} });
  return new Failure({ code: 504, text: `${JSON.stringify(body)}\n` });
}

/** What the aggregator says while the server behind an aggregated API is away. */
export function serviceUnavailable(): Failure {
  return new Failure({ code: 503, text: 'service unavailable\n' });
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
