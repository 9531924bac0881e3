import type { RolledWorkload } from './workload-object.ts';

/** Who keeps a workload as it is written elsewhere, and would take back what is changed in the cluster. */
export type Keeper = {
  /** `Argo CD`, `Flux`, `Helm`. */
  readonly name: string;
  /** What it keeps the workload as part of: `application shop`; empty where that is not told. */
  readonly of: string;
  /** What says so: the label, annotation or field manager. */
  readonly evidence: string;
  /** Where the change belongs. */
  readonly where: string;
};

type Sign = {
  readonly name: string;
  readonly where: string;
  /** A label or annotation, and which part of its value names what the workload belongs to. */
  readonly keys: readonly string[];
  readonly word: string;
  readonly managers: RegExp | undefined;
};

/** Sources: the tools' own documentation of the labels and annotations that they track objects by. */
const signs: readonly Sign[] = [
  {
    name: 'Argo CD',
    word: 'application',
    where: 'Commit the patch to the repository that the application is made from, and let it sync.',
    keys: ['argocd.argoproj.io/tracking-id', 'argocd.argoproj.io/instance'],
    managers: /^argocd/,
  },
  {
    name: 'Flux',
    word: 'Kustomization',
    where: 'Commit the patch to the repository that the Kustomization is made from, and let it reconcile.',
    keys: ['kustomize.toolkit.fluxcd.io/name'],
    managers: /^kustomize-controller$/,
  },
  {
    name: 'Flux',
    word: 'HelmRelease',
    where: 'Put it into the values of the HelmRelease, and let it reconcile.',
    keys: ['helm.toolkit.fluxcd.io/name'],
    managers: /^helm-controller$/,
  },
  {
    name: 'Config Sync',
    word: '',
    where: 'Commit the patch to the repository that Config Sync reads.',
    keys: ['configsync.gke.io/resource-id', 'configmanagement.gke.io/managed'],
    managers: /^configsync/,
  },
  {
    name: 'Fleet',
    word: 'bundle',
    where: 'Commit the patch to the repository that Fleet reads.',
    keys: ['objectset.rio.cattle.io/id'],
    managers: undefined,
  },
  {
    name: 'kapp-controller',
    word: 'app',
    where: 'Commit the patch to where the App is made from.',
    keys: ['kapp.k14s.io/app'],
    managers: /^kapp/,
  },
  {
    name: 'Helm',
    word: 'release',
    where:
      'Put it into the values of the release, and upgrade it: the next upgrade would take a change in the cluster back.',
    keys: ['meta.helm.sh/release-name'],
    managers: /^helm$/i,
  },
];

/** Who keeps this workload from elsewhere; undefined where nothing says that anybody does. */
export function keeperOf({ metadata }: RolledWorkload): Keeper | undefined {
  const { labels, annotations, managedFields } = metadata;
  for (const { name, word, where, keys, managers } of signs) {
    const key = keys.find((each) => (annotations[each] ?? labels[each] ?? '') !== '');
    if (key !== undefined) {
      const value = annotations[key] ?? labels[key] ?? '';
      const kind = annotations[key] === undefined ? 'label' : 'annotation';
      const of = word === '' ? '' : `${word} ${nameIn(key, value)}`;
      return { name, of, where, evidence: `${kind} ${key}: ${value.slice(0, 120)}` };
    }
    const manager =
      managers === undefined ? undefined : managedFields.find((field) => managers.test(field.manager ?? ''));
    if (manager !== undefined)
      // The label alone says nothing: charts that are applied by hand carry it too.
      return {
        name,
        of: instanceOf(word, labels),
        where,
        evidence: `managedFields: ${manager.manager ?? ''} wrote it`,
      };
  }
  // Old releases have the label without the annotation.
  if (labels['app.kubernetes.io/managed-by'] === 'Helm' || labels.heritage === 'Helm' || labels.heritage === 'Tiller') {
    const helm = signs.at(-1);
    const key = labels.heritage === undefined ? 'app.kubernetes.io/managed-by' : 'heritage';
    return {
      name: 'Helm',
      of: labels.release === undefined ? instanceOf('release', labels) : `release ${labels.release}`,
      where: helm?.where ?? '',
      evidence: `label ${key}: ${labels[key] ?? ''}`,
    };
  }
  return undefined;
}

/** `app:apps/Deployment:shop/checkout` is Argo CD’s way to write whose it is. */
function nameIn(key: string, value: string): string {
  return key === 'argocd.argoproj.io/tracking-id' ? (value.split(':')[0] ?? value) : value;
}

function instanceOf(word: string, labels: Readonly<Record<string, string>>): string {
  const instance = labels['app.kubernetes.io/instance'];
  return instance === undefined || word === '' ? '' : `${word} ${instance}`;
}
