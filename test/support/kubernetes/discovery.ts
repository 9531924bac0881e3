import { groupVersion, type Resource, served } from './resource.ts';

/** Where the API lives that other servers answer for this one. */
export const metricsGroupVersion = 'metrics.k8s.io/v1beta1';
const reviewGroupVersion = 'authorization.k8s.io/v1';

const readVerbs = ['get', 'list', 'watch'];

/** What the server says of itself at a path that names no resource; undefined where it says nothing. */
export function discovered(path: string, { version, hasMetrics }: { version: string; hasMetrics: boolean }): unknown {
  const groupVersions = [
    ...new Set(served.map(groupVersion)),
    reviewGroupVersion,
    ...(hasMetrics ? [metricsGroupVersion] : []),
  ];
  const groups = groupVersions.filter((each) => each.includes('/')).map(apiGroup);
  const [, root, group, second, ...more] = path.replace(/\/$/, '').split('/');
  if (more.length > 0) return undefined;
  if (path === '/version') return versionInfo(version);
  if (root === 'api' && group === undefined)
    return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
  if (root === 'api' && second === undefined) return group === 'v1' ? resourceList('v1') : undefined;
  if (root !== 'apis') return undefined;
  if (group === undefined) return { kind: 'APIGroupList', apiVersion: 'v1', groups };
  if (second === undefined) {
    const found = groups.find(({ name }) => name === group);
    return found === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...found };
  }
  return groupVersions.includes(`${group}/${second}`) ? resourceList(`${group}/${second}`) : undefined;
}

/** Whether any version of this API group is served; the core group is ''. */
export function isKnownGroup(group: string): boolean {
  return served.some((each) => each.group === group) || reviewGroupVersion.startsWith(`${group}/`);
}

function apiGroup(name: string) {
  const [group = '', version = ''] = name.split('/');
  const entry = { groupVersion: name, version };
  return { name: group, versions: [entry], preferredVersion: entry };
}

function resourceList(name: string) {
  const list = { groupVersion: name, resources: apiResources(name) };
  // The core group's list is served without its apiVersion.
  return name === 'v1' ? { kind: 'APIResourceList', ...list } : { kind: 'APIResourceList', apiVersion: 'v1', ...list };
}

function apiResources(name: string): unknown[] {
  if (name === reviewGroupVersion) {
    return [
      apiResource({
        name: 'selfsubjectaccessreviews',
        kind: 'SelfSubjectAccessReview',
        namespaced: false,
        verbs: ['create'],
      }),
    ];
  }
  if (name === metricsGroupVersion) {
    return [
      apiResource({ name: 'nodes', kind: 'NodeMetrics', namespaced: false, verbs: ['get', 'list'] }),
      apiResource({ name: 'pods', kind: 'PodMetrics', namespaced: true, verbs: ['get', 'list'] }),
    ];
  }
  const resources = served.filter((each) => groupVersion(each) === name).flatMap(withSubresources);
  return resources.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function withSubresources({ plural, kind, isNamespaced, shortNames }: Resource) {
  const main = apiResource({ name: plural, kind, namespaced: isNamespaced, verbs: readVerbs });
  const named = shortNames.length > 0 ? { ...main, shortNames } : main;
  if (plural !== 'pods') return [named];
  return [named, apiResource({ name: 'pods/log', kind, namespaced: true, verbs: ['get'] })];
}

type ApiResource = { name: string; kind: string; namespaced: boolean; verbs: string[] };

function apiResource({ name, kind, namespaced, verbs }: ApiResource) {
  // The singular name is empty before 1.27.
  return { name, singularName: '', namespaced, kind, verbs };
}

function versionInfo(gitVersion: string) {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  return {
    major,
    minor,
    gitVersion,
    gitCommit: '0000000000000000000000000000000000000000',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: 'go1.15.15',
    compiler: 'gc',
    platform: 'linux/amd64',
  };
}
