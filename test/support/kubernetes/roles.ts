import { parseAllDocuments } from 'yaml';

/** One verb on one resource in one place, as a role grants it; `namespace` is '' for a ClusterRole: everywhere. */
export type Rule = {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
};

type Manifest = {
  readonly kind: string;
  readonly metadata: { readonly namespace?: string };
  readonly rules?: readonly { apiGroups: string[]; resources: string[]; verbs: string[] }[];
};

/** What the roles among some manifests grant. */
export function permissionsIn(manifests: string): Rule[] {
  return parseAllDocuments(manifests).flatMap((document) => {
    const { kind, metadata, rules = [] } = document.toJS() as Manifest;
    if (kind !== 'Role' && kind !== 'ClusterRole') return [];
    return rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.map((verb) => ({ verb, group, resource, namespace: metadata.namespace ?? '' })),
        ),
      ),
    );
  });
}

/** As an API server's authorizer decides it: `namespace` is '' for a request at the cluster scope. */
export function allows(rule: Rule, verb: string, group: string, resource: string, namespace: string): boolean {
  return (
    rule.verb === verb &&
    rule.group === group &&
    rule.resource === resource &&
    (rule.namespace === '' || rule.namespace === namespace)
  );
}
