import { describe, expect, test } from '@jest/globals';
import { cgroupVersion } from '../../src/kubernetes/cgroup.ts';
import { nodeSchema } from '../../src/kubernetes/objects.ts';

const versionOn = (osImage: string, kernelVersion: string, kubeletVersion = 'v1.28.3') =>
  cgroupVersion(nodeSchema.parse({ status: { nodeInfo: { osImage, kernelVersion, kubeletVersion } } })).version;

describe('a node’s cgroup version', () => {
  test.each([
    ['CentOS Linux 7 (Core)', '3.10.0-1160.el7.x86_64', 'v1'],
    ['CentOS Linux 7 (Core)', '5.4.270-1.el7.elrepo.x86_64', 'v1'],
    ['CentOS Stream 9', '5.14.0-427.el9.x86_64', 'v2'],
    ['Red Hat Enterprise Linux 8.9 (Ootpa)', '4.18.0-513.el8.x86_64', 'v1'],
    ['Rocky Linux 9.3 (Blue Onyx)', '5.14.0-362.el9.x86_64', 'v2'],
    ['Oracle Linux Server 8.8', '5.15.0-101.el8uek.x86_64', 'v1'],
    ['Amazon Linux 2', '5.10.199-190.747.amzn2.x86_64', 'v1'],
    ['Amazon Linux 2023.10.20261020', '6.18.5-22.amzn2023.x86_64', 'v2'],
    ['Ubuntu 20.04.6 LTS', '5.15.0-1051-aws', 'v1'],
    ['Ubuntu 21.10', '5.13.0-19-generic', 'v2'],
    ['Ubuntu 22.04.3 LTS', '6.2.0-1017-azure', 'v2'],
    ['Debian GNU/Linux 10 (buster)', '4.19.0-26-amd64', 'v1'],
    ['Debian GNU/Linux 12 (bookworm)', '6.1.0-18-amd64', 'v2'],
    ['Bottlerocket OS 1.19.2 (aws-k8s-1.29)', '6.1.77', 'v2'],
    ['Red Hat Enterprise Linux CoreOS 49.84.202207192205-0 (Ootpa)', '4.18.0-305.el8.x86_64', 'v1'],
    ['Red Hat Enterprise Linux CoreOS 414.92.202310170514-0 (Plow)', '5.14.0-284.el9.x86_64', 'v2'],
    ['Flatcar Container Linux by Kinvolk 3815.2.0 (Oklo)', '6.1.77-flatcar', 'v2'],
    ['Talos (v1.6.4)', '6.1.74-talos', 'v2'],
    ['Container-Optimized OS from Google', '5.15.133+', 'v2'],
    ['Alpine Linux v3.19', '6.6.16-0-lts', undefined],
    ['', '6.6.16', undefined],
  ])('is told by %s with kernel %s', (osImage, kernel, version) => {
    expect(versionOn(osImage, kernel)).toBe(version);
  });

  test('is v1 on an old kernel whatever the system is called', () => {
    expect(versionOn('Homemade 99', '3.10.0')).toBe('v1');
  });

  test('is v2 where the kubelet no longer starts on v1', () => {
    expect(versionOn('Homemade 99', '6.18.0', 'v1.35.0')).toBe('v2');
  });

  test('is unknown without the node', () => {
    expect(cgroupVersion(undefined)).toEqual({ version: undefined, why: 'the node could not be read' });
  });
});
