import { type Fields, fieldsAt, isFields, textAt } from './object.ts';
import type { RequestInfo } from './request.ts';
import { type Access, badRequest, invalid } from './status.ts';

/** Somebody the server knows by a bearer token, and what they may do. */
export type User = {
  readonly token: string;
  readonly name: string;
  /** `resource` is `pods`, or `pods/log` for a subresource; `namespace` is '' at the cluster scope. */
  may(verb: string, group: string, resource: string, namespace: string, name?: string): boolean;
};

/** The request in the words of an authorizer. */
export function accessOf(info: RequestInfo): Access {
  if (info.kind === 'path') return info;
  const { verb, group, namespace, name, subresource } = info;
  const resource = subresource === '' ? info.resource : `${info.resource}/${subresource}`;
  return { kind: 'resource', verb, group, resource, namespace, name };
}

// What every cluster grants to everybody it knows: system:discovery, system:public-info-viewer and system:basic-user.
const publicPaths = /^\/(version|healthz|livez|readyz|api|apis|openapi)(\/|$)/;
const publicResources = ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'];

export function isAllowed(user: User, access: Access): boolean {
  if (access.kind === 'path')
    return (access.verb === 'get' && publicPaths.test(access.path)) || user.name === adminName;
  const { verb, group, resource, namespace, name } = access;
  if (group === 'authorization.k8s.io' && verb === 'create' && publicResources.includes(resource)) return true;
  return user.may(verb, group, resource, namespace, name === '' ? undefined : name);
}

/** The user that every server has, who may do everything. */
export const adminName = 'admin';

export function admin(token: string): User {
  return { token, name: adminName, may: () => true };
}

/** Answers "may I?": the review that was sent, with its status filled in. */
export function reviewAccess(user: User, body: string): object {
  const review = reviewed(body);
  const attributes = review.resourceAttributes;
  const path = review.nonResourceAttributes;
  if (isFields(attributes) === isFields(path)) {
    const problem =
      'Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes must be specified';
    const causes = [{ field: 'spec.resourceAttributes', problem }];
    throw invalid({ group: 'authorization.k8s.io', kind: '', name: '', causes });
  }
  const allowed = isAllowed(user, isFields(attributes) ? resourceAccess(attributes) : pathAccess(fieldsAt(path)));
  return {
    kind: 'SelfSubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: { creationTimestamp: null },
    spec: review,
    status: { allowed },
  };
}

function reviewed(body: string): Fields {
  let object: unknown;
  try {
    object = JSON.parse(body);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(
      "the object provided is unrecognized (must be of type SelfSubjectAccessReview): couldn't get version/kind; " +
        `json parse error: ${why}`,
    );
  }
  // A body without a kind is taken for what belongs to the path.
  const kind = textAt(object, 'kind');
  if (kind !== undefined && kind !== 'SelfSubjectAccessReview') {
    throw badRequest(`${kind} in version "v1" cannot be handled as a SelfSubjectAccessReview`);
  }
  return fieldsAt(object, 'spec');
}

function resourceAccess(attributes: Fields): Access {
  const at = (name: string) => textAt(attributes, name) ?? '';
  const subresource = at('subresource');
  return {
    kind: 'resource',
    verb: at('verb'),
    group: at('group'),
    resource: subresource === '' ? at('resource') : `${at('resource')}/${subresource}`,
    namespace: at('namespace'),
    name: at('name'),
  };
}

function pathAccess(attributes: Fields): Access {
  return { kind: 'path', verb: textAt(attributes, 'verb') ?? '', path: textAt(attributes, 'path') ?? '' };
}
