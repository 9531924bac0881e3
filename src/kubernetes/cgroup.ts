import type { Node } from './objects.ts';

/** Which cgroup version a node runs, as far as its own description tells. */
export type CgroupVersion = {
  readonly version: 'v1' | 'v2' | undefined;
  /** What it was concluded from: a clause. */
  readonly why: string;
};

/**
 * The first release of each distribution that boots with cgroup v2 (the release notes of each; kubernetes.io, "About cgroup v2").
 * What boots with v1 by default may have been switched by hand, and the other way round: a conclusion, not a fact.
 */
const distributions: readonly { readonly image: RegExp; readonly firstV2: number }[] = [
  { image: /Red Hat Enterprise Linux CoreOS (\d)(\d+)/, firstV2: 414 },
  { image: /CentOS Stream (\d+)/, firstV2: 9 },
  {
    image:
      /(?:CentOS Linux|Red Hat Enterprise Linux(?: Server)?|Rocky Linux|AlmaLinux|Oracle Linux(?: Server)?) (\d+(?:\.\d+)?)/,
    firstV2: 9,
  },
  { image: /Amazon Linux (\d+)/, firstV2: 2022 },
  { image: /Ubuntu (\d+\.\d+)/, firstV2: 21.1 },
  { image: /Debian GNU\/Linux (\d+)/, firstV2: 11 },
  { image: /Fedora (?:Linux|CoreOS) (\d+)/, firstV2: 31 },
  { image: /Azure Linux (\d+)/, firstV2: 3 },
  { image: /Flatcar Container Linux[^\d]*(\d+)/, firstV2: 2969 },
  { image: /Talos \(v(\d+\.\d+)/, firstV2: 1 },
  { image: /SUSE Linux Enterprise Server (\d+)/, firstV2: 16 },
];

/** Concludes the cgroup version from the node's kernel, operating system and kubelet. */
export function cgroupVersion(node: Node | undefined): CgroupVersion {
  const info = node?.status.nodeInfo;
  if (info === undefined) return { version: undefined, why: 'the node could not be read' };
  const kernel = versionNumbers(info.kernelVersion);
  const kubelet = versionNumbers(info.kubeletVersion);
  const image = info.osImage ?? '';
  // cgroup v2 became official in Linux 4.5 and had no cpu controller before 4.15 (kernel changelogs).
  if (kernel !== undefined && (kernel.major < 4 || (kernel.major === 4 && kernel.minor < 15)))
    return { version: 'v1', why: `kernel ${info.kernelVersion} is older than 4.15` };
  if (/Bottlerocket/.test(image)) return { version: 'v2', why: image };
  if (/CentOS Linux [78]|CentOS [78]\b/.test(image)) return { version: 'v1', why: image };
  for (const { image: pattern, firstV2 } of distributions) {
    const match = pattern.exec(image);
    if (match === null) continue;
    const release = releaseNumber(match);
    return { version: release >= firstV2 ? 'v2' : 'v1', why: image };
  }
  // GKE's own image names no release; new nodes run v2 since GKE 1.26 (GKE release notes).
  if (/Container-Optimized OS/.test(image) && kubelet !== undefined)
    return {
      version: kubelet.major > 1 || kubelet.minor >= 26 ? 'v2' : 'v1',
      why: `${image}, kubelet ${info.kubeletVersion}`,
    };
  // Since 1.35 the kubelet does not start on cgroup v1 unless it is told to (KEP-5573).
  if (kubelet !== undefined && (kubelet.major > 1 || kubelet.minor >= 35))
    return { version: 'v2', why: `kubelet ${info.kubeletVersion} needs v2 by default` };
  return {
    version: undefined,
    why: image === '' ? 'the node does not tell its operating system' : `${image} runs either`,
  };
}

/**
 * The pages of the node's kernel, bytes; null where its name does not tell: kernels for arm64 have 4 or 64 KiB. Ubuntu and RHEL
 * call those with the larger ones so (`6.8.0-31-generic-64k`, `5.14.0-427.el9.aarch64+64k`), and RHEL 8 has no other on arm64.
 */
export function pageBytes(node: Node | undefined): number | null {
  const info = node?.status.nodeInfo;
  const architecture = info?.architecture ?? node?.metadata.labels['kubernetes.io/arch'];
  if (architecture === 'amd64') return 4096;
  return /[-+.]64k$|\.el8[\w.]*\.aarch64/.test(info?.kernelVersion ?? '') ? 65_536 : null;
}

/** RHEL CoreOS writes OpenShift 4.14 as 414 and 4.9 as 49: counted as 414 and 409. Others: 9, 22.04. */
function releaseNumber([, first, second]: RegExpExecArray): number {
  return second === undefined ? Number(first) : Number(first) * 100 + Number(second);
}

/** The first two numbers of a version: `3.10.0-1160.el7.x86_64` → 3 and 10. */
export function versionNumbers(version: string | undefined): { major: number; minor: number } | undefined {
  const match = /^v?(\d{1,4})\.(\d{1,5})/.exec(version ?? '');
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}
