import { directoriesOf, hasLongResource, isKubernetes } from './openness.ts';

/** What is kept under another name than people know it by. Source: pkg/registry and pkg/controlplane of Kubernetes. */
const names: Readonly<Record<string, string>> = {
  minions: 'nodes',
  controllers: 'replicationcontrollers',
  masterleases: 'addresses of API servers',
  ranges: 'service addresses and ports in use',
  services: 'services and endpoints',
  'services/specs': 'services',
  'services/endpoints': 'endpoints',
  'apiextensions.k8s.io': 'definitions of custom resources',
  'apiextensions.k8s.io/customresourcedefinitions': 'definitions of custom resources',
  'apiregistration.k8s.io': 'registered APIs',
  'apiregistration.k8s.io/apiservices': 'registered APIs',
};

/** Directories below the root that most clusters have: what a mistyped one may have meant. */
export const commonResources: readonly string[] = [
  ...['apiextensions.k8s.io', 'apiregistration.k8s.io', 'certificatesigningrequests', 'clusterrolebindings'],
  ...['clusterroles', 'configmaps', 'controllerrevisions', 'controllers', 'cronjobs', 'csidrivers', 'csinodes'],
  ...['daemonsets', 'deployments', 'endpointslices', 'events', 'flowschemas', 'horizontalpodautoscalers', 'ingress'],
  ...['ingressclasses', 'jobs', 'leases', 'limitranges', 'masterleases', 'minions', 'namespaces', 'networkpolicies'],
  ...['persistentvolumeclaims', 'persistentvolumes', 'poddisruptionbudgets', 'pods', 'podtemplates'],
  ...['priorityclasses', 'prioritylevelconfigurations', 'ranges', 'replicasets', 'resourcequotas', 'rolebindings'],
  ...['roles', 'runtimeclasses', 'secrets', 'serviceaccounts', 'services', 'statefulsets', 'storageclasses'],
  ...['volumeattachments', 'validatingwebhookconfigurations', 'mutatingwebhookconfigurations'],
];

/** What people call the objects under a prefix: `nodes`, `pods in shop`; '' where it is not Kubernetes' or holds several kinds. */
export function kubernetesName(prefix: Buffer): string {
  if (!isKubernetes(prefix)) return '';
  const directories = directoriesOf(prefix);
  const isLong = hasLongResource(directories);
  const resource = directories.slice(1, isLong ? 3 : 2);
  if (resource.length === 0) return 'all of Kubernetes';
  const path = resource.join('/');
  const [group = '', kind] = resource;
  const name = names[path] ?? (!isLong ? path : kind === undefined ? `objects of ${group}` : `${kind}.${group}`);
  const namespace = directories[isLong ? 3 : 2];
  return namespace === undefined ? name : `${name} in ${namespace}`;
}
