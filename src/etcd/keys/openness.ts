import { beginsWith, directoryLength, directoryLevels } from './key-range.ts';

/** Where API servers keep their objects: `--etcd-prefix`, and OpenShift's two. */
const kubernetesRoots = ['registry', 'kubernetes.io', 'openshift.io'];

/** The directories of a key or prefix, without what follows the last slash. */
export function directoriesOf(key: Buffer): string[] {
  const length = directoryLength(key, Number.POSITIVE_INFINITY);
  return key
    .subarray(0, length)
    .toString('utf8')
    .replace(/^\/(?!$)/, '')
    .split('/')
    .slice(0, -1);
}

/** `/registry/…`: what an API server of Kubernetes wrote. */
export function isKubernetes(key: Buffer): boolean {
  const [root = ''] = directoriesOf(key);
  return kubernetesRoots.includes(root);
}

/** Whether the resource has two directories: of a group (`/registry/cert-manager.io/certificates/`), and `services/specs`. */
export function hasLongResource(directories: readonly string[]): boolean {
  const [, resource = ''] = directories;
  return resource.includes('.') || resource === 'services';
}

/** Of a store that is not Kubernetes': as deep as `/etcd keys` goes by itself. */
const foreignLevels = 2;

/**
 * How many directories of a key everybody may see: down to the namespace in Kubernetes. What lies below, and every key's own name, can be
 * a secret itself.
 */
export function openLevels(key: Buffer): number {
  if (!isKubernetes(key)) return foreignLevels;
  return hasLongResource(directoriesOf(key)) ? 4 : 3;
}

/** How much of a key everybody may see, 0 where that is nothing; of many keys in order, which begin alike. */
export class OpenLengths {
  private resource = Buffer.alloc(0);
  private levels = 0;

  of(key: Buffer): number {
    if (this.resource.length === 0 || !beginsWith(key, this.resource)) {
      this.levels = openLevels(key);
      // Without two directories it does not tell yet what its neighbours are.
      this.resource = Buffer.from(directoryLevels(key) < 2 ? [] : key.subarray(0, directoryLength(key, 2)));
    }
    return directoryLength(key, this.levels);
  }
}

/** Whether a prefix that was typed reaches below what everybody may see. */
export function isBelowOpen(prefix: Buffer): boolean {
  return (
    directoryLevels(prefix) > openLevels(prefix) ||
    (directoryLevels(prefix) === openLevels(prefix) && prefix.at(-1) !== 0x2f)
  );
}
