import { stringify } from 'yaml';
import type { Permission } from './cluster.ts';
import { groupOf, type NeededPermission, neededForExec, neededForFixes, neededPermissions } from './permissions.ts';

/** Whom the roles are bound to. */
export type RbacSubject =
  | { readonly kind: 'ServiceAccount'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'User'; readonly name: string };

type Rule = { readonly apiGroups: string[]; readonly resources: string[]; readonly verbs: string[] };

const roleName = 'quorum-looks';
const fixRoleName = 'quorum-fixes';
const execRoleName = 'quorum-exec';
const rbacGroup = 'rbac.authorization.k8s.io';
const head = '# What looks need: reading, and nothing else. No Secrets, no exec, no writes. Made by `quorum rbac`.\n';
const fixHead =
  '# What looks need (quorum-looks) and, as allowFixes is set, what changing workloads needs (quorum-fixes). No Secrets, no exec. Made by `quorum rbac`.\n';
const execHead =
  '# What looks need (quorum-looks) and, as allowExec is set, what asking a JVM in its container needs (quorum-exec). No Secrets, no writes. Made by `quorum rbac`.\n';
const allHead =
  '# What looks need (quorum-looks), what changing workloads needs (quorum-fixes, as allowFixes is set) and what asking a JVM in its container needs (quorum-exec, as allowExec is set). No Secrets. Made by `quorum rbac`.\n';

/** What may be done besides looking: each is a role of its own. */
export type Purpose = 'fixes' | 'exec';

/**
 * The smallest roles for what is configured, as manifests for `kubectl apply -f -`: one ClusterRole for all namespaces, else a
 * Role in each, with a ClusterRole for what is in no namespace.
 * @param namespaces empty: all of them
 * @param sampled where the memory in use is sampled
 * @param watched whose pods are watched: undefined: nobody’s; empty: all namespaces
 * @param purposes what may be done there besides looking
 */
export function rbacManifest(
  namespaces: readonly string[],
  subject: RbacSubject,
  sampled: readonly string[] = [],
  watched: readonly string[] | undefined = undefined,
  purposes: readonly Purpose[] = [],
): string {
  const roles = [
    { name: roleName, permissions: neededPermissions(namespaces, sampled, watched) },
    ...(purposes.includes('fixes') ? [{ name: fixRoleName, permissions: neededForFixes(namespaces) }] : []),
    ...(purposes.includes('exec') ? [{ name: execRoleName, permissions: neededForExec(namespaces) }] : []),
  ];
  const documents = [
    ...(subject.kind === 'ServiceAccount'
      ? [{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: subject.name, namespace: subject.namespace } }]
      : []),
    ...roles.flatMap(({ name, permissions }) =>
      [...new Set(permissions.map(({ namespace }) => namespace))].flatMap((namespace) =>
        roleIn(
          name,
          namespace,
          permissions.filter((permission) => permission.namespace === namespace),
          subject,
        ),
      ),
    ),
  ];
  return headFor(purposes) + documents.map((document) => stringify(document, { lineWidth: 0 })).join('---\n');
}

function headFor(purposes: readonly Purpose[]): string {
  if (purposes.length > 1) return allHead;
  return purposes[0] === 'fixes' ? fixHead : purposes[0] === 'exec' ? execHead : head;
}

/** A role and its binding; without a namespace for the whole cluster. */
function roleIn(
  name: string,
  namespace: string | undefined,
  permissions: readonly NeededPermission[],
  subject: RbacSubject,
) {
  const kind = namespace === undefined ? 'ClusterRole' : 'Role';
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  const apiVersion = `${rbacGroup}/v1`;
  return [
    { apiVersion, kind, metadata, rules: rulesFor(permissions) },
    {
      apiVersion,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup: rbacGroup, kind, name },
      subjects: [subject.kind === 'User' ? { ...subject, apiGroup: rbacGroup } : subject],
    },
  ];
}

/** Resources with the same group and verbs stand in one rule; none gets a verb that is not needed. */
function rulesFor(permissions: readonly NeededPermission[]): Rule[] {
  const verbs = new Map<Permission['resource'], string[]>();
  for (const { resource, verb } of permissions) verbs.set(resource, [...(verbs.get(resource) ?? []), verb]);
  const rules: Rule[] = [];
  for (const [resource, granted] of verbs) {
    const group = groupOf(resource);
    const name = resource.replace('.metrics.k8s.io', '');
    const rule = rules.find(
      ({ apiGroups, verbs: others }) => apiGroups[0] === group && others.join() === granted.join(),
    );
    if (rule === undefined) rules.push({ apiGroups: [group], resources: [name], verbs: granted });
    else rule.resources.push(name);
  }
  return rules;
}
