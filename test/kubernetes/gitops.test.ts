import { describe, expect, test } from '@jest/globals';
import { keeperOf } from '../../src/kubernetes/gitops.ts';
import { rolledWorkloadSchema } from '../../src/kubernetes/workload-object.ts';

const keeper = (metadata: object) => {
  const found = keeperOf(rolledWorkloadSchema.parse({ metadata: { name: 'x', ...metadata }, spec: { template: {} } }));
  return found === undefined ? undefined : [found.name, found.of];
};
const labelled = (key: string, value: string) => ({ labels: { [key]: value } });
const annotated = (key: string, value: string) => ({ annotations: { [key]: value } });
const managed = (manager: string) => ({ managedFields: [{ manager, operation: 'Update' }] });

describe('who keeps a workload from elsewhere', () => {
  test.each<[object, string, string]>([
    [annotated('argocd.argoproj.io/tracking-id', 'shop:apps/Deployment:shop/x'), 'Argo CD', 'application shop'],
    [labelled('argocd.argoproj.io/instance', 'shop'), 'Argo CD', 'application shop'],
    [
      { ...labelled('app.kubernetes.io/instance', 'shop'), ...managed('argocd-controller') },
      'Argo CD',
      'application shop',
    ],
    [labelled('kustomize.toolkit.fluxcd.io/name', 'apps'), 'Flux', 'Kustomization apps'],
    [managed('kustomize-controller'), 'Flux', ''],
    // A release of Flux carries Helm’s signs too: what is changed is the HelmRelease.
    [
      {
        labels: { 'helm.toolkit.fluxcd.io/name': 'shop', 'app.kubernetes.io/managed-by': 'Helm' },
        ...annotated('meta.helm.sh/release-name', 'shop'),
      },
      'Flux',
      'HelmRelease shop',
    ],
    [
      { ...labelled('app.kubernetes.io/managed-by', 'Helm'), ...annotated('meta.helm.sh/release-name', 'shop') },
      'Helm',
      'release shop',
    ],
    [labelled('app.kubernetes.io/managed-by', 'Helm'), 'Helm', ''],
    [{ labels: { heritage: 'Tiller', release: 'old' } }, 'Helm', 'release old'],
    [managed('helm'), 'Helm', ''],
    [annotated('configmanagement.gke.io/managed', 'enabled'), 'Config Sync', ''],
    [annotated('objectset.rio.cattle.io/id', 'shop-bundle'), 'Fleet', 'bundle shop-bundle'],
    [labelled('kapp.k14s.io/app', '1719'), 'kapp-controller', 'app 1719'],
  ])('%j', (metadata, name, of) => {
    expect(keeper(metadata)).toEqual([name, of]);
  });

  test.each<[string, object]>([
    ['what kubectl applied', managed('kubectl-client-side-apply')],
    ['a label that charts applied by hand carry too', labelled('app.kubernetes.io/instance', 'shop')],
    ['what another tool says it manages', labelled('app.kubernetes.io/managed-by', 'kustomize')],
    ['an empty annotation', annotated('argocd.argoproj.io/tracking-id', '')],
    ['nothing', {}],
  ])('nobody: %s', (_what, metadata) => {
    expect(keeper(metadata)).toBeUndefined();
  });
});
