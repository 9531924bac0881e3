import type { Config } from '../config.ts';
import { Refusal } from '../refusal.ts';
import { watchedNamespaces } from '../watch/watched-clusters.ts';
import { demandNamespaceName } from './pod-reference.ts';
import { type RbacSubject, rbacManifest } from './rbac.ts';

/** What was typed behind `quorum rbac`. */
export type RbacWords = {
  readonly cluster?: string | undefined;
  readonly namespace?: readonly string[] | undefined;
  readonly 'service-account'?: string | undefined;
  readonly user?: string | undefined;
};

/** The roles for a cluster of the config. @throws Refusal where it does not say which, or a name is none */
export function rbacFor(config: Config, words: RbacWords): string {
  const { kubernetes } = config;
  const { namespace: namespaces, cluster, user } = words;
  for (const namespace of namespaces ?? []) demandNamespaceName(namespace);
  const names = Object.keys(kubernetes.clusters);
  const name = cluster ?? (names.length === 1 ? names[0] : undefined);
  const found = name === undefined ? undefined : kubernetes.clusters[name];
  if (found === undefined && (cluster !== undefined || names.length > 1))
    throw new Refusal(
      cluster === undefined
        ? `The config has ${names.length} Kubernetes clusters.`
        : `There is no Kubernetes cluster \`${cluster}\` in the config.`,
      names.length === 0 ? 'Add it to kubernetes.clusters.' : `Name one with --cluster: ${names.join(', ')}.`,
      names,
    );
  if (user !== undefined && words['service-account'] !== undefined)
    throw new Refusal('Both --user and --service-account were given.', 'Keep the one that the kubeconfig stands for.');
  if (user === '') throw new Refusal('--user is empty.', 'Give the name that the API server knows the user by.');
  const subject: RbacSubject =
    user === undefined ? serviceAccount(words['service-account'] ?? 'quorum/quorum') : { kind: 'User', name: user };
  const watched = name === undefined ? undefined : watchedNamespaces(name, config);
  return rbacManifest(
    namespaces ?? found?.namespaces ?? [],
    subject,
    found?.sampleNamespaces,
    watched === undefined ? undefined : (namespaces ?? watched),
    [
      ...(found?.allowFixes === true ? (['fixes'] as const) : []),
      ...(found?.allowExec === true ? (['exec'] as const) : []),
    ],
  );
}

function serviceAccount(written: string): RbacSubject {
  const [namespace = '', name = '', ...more] = written.includes('/') ? written.split('/') : ['quorum', written];
  if (more.length > 0 || !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name))
    throw new Refusal(`“${written.slice(0, 60)}” cannot be a service account.`, 'Write it as namespace/name.');
  demandNamespaceName(namespace);
  return { kind: 'ServiceAccount', namespace, name };
}
