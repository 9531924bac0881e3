import { stringify } from 'yaml';

export type KubeconfigEntry = { readonly url: string; readonly user: string; readonly token: string };

/** A kubeconfig that leads to one server as one user, as YAML. */
export function kubeconfigText({ url, user, token }: KubeconfigEntry): string {
  const name = 'recorded';
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name, context: { cluster: name, user } }],
    'current-context': name,
  });
}
