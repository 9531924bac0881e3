import { describe, expect, test } from '@jest/globals';
import { containerAwareness } from '../../src/jvm/awareness.ts';
import { readFlags } from '../../src/jvm/flags.ts';
import { requireJdk } from '../../src/jvm/version.ts';

function awareness(version: string, cgroup: 'v1' | 'v2', kernel: string | null = null, args: string[] = []) {
  const jdk = requireJdk(version);
  return containerAwareness({ jdk, flags: readFlags({ jdk, args, env: {} }).effective, cgroup, kernel });
}

describe('whether a JVM sees its limit', () => {
  test.each<[string, 'v1' | 'v2', string | null, boolean | null, string]>([
    // Container support came with 8u191 and 10.
    ['8u121', 'v1', null, false, 'fact'],
    ['8u181', 'v1', null, false, 'fact'],
    ['8u191', 'v1', null, true, 'fact'],
    ['8u504', 'v1', null, true, 'fact'],
    ['8', 'v1', null, null, 'unknown'],
    ['9.0.4', 'v1', null, false, 'fact'],
    ['10.0.2', 'v1', null, true, 'fact'],
    ['17', 'v1', null, true, 'fact'],
    // cgroup v2 came with 8u372, 11.0.16 and 15.
    ['8u362', 'v2', null, false, 'fact'],
    ['8u372', 'v2', null, true, 'fact'],
    ['10.0.2', 'v2', null, false, 'fact'],
    ['11.0.15', 'v2', null, false, 'fact'],
    ['11.0.16', 'v2', null, true, 'fact'],
    ['11', 'v2', null, null, 'unknown'],
    ['14.0.2', 'v2', null, false, 'fact'],
    ['15', 'v2', null, true, 'fact'],
    ['17', 'v2', '5.15.0-1084-aws', true, 'fact'],
    ['17.0.12', 'v2', '6.11.9', true, 'fact'],
    // Kernels from 6.12 on lack what older JDKs look for in /proc/cgroups.
    ['8u504', 'v2', '6.12.0', false, 'inferred'],
    // Ubuntu 26.04’s kernel is built without v1 memory too.
    ['8u504', 'v2', '7.0.0-14-generic', false, 'inferred'],
    ['11.0.28', 'v2', '7.0.0-14-generic', null, 'unknown'],
    ['21.0.12.1', 'v2', '7.0.0-14-generic', true, 'fact'],
    ['8', 'v2', '6.18', false, 'inferred'],
    ['11.0.16', 'v2', '6.12.0', false, 'inferred'],
    ['11.0.15', 'v2', '6.12.0', false, 'fact'],
    ['11.0.24', 'v2', '6.18', false, 'inferred'],
    ['11.0.32.1', 'v2', '6.18', true, 'fact'],
    ['17', 'v2', '6.18', null, 'unknown'],
    ['17.0.12', 'v2', '6.18', false, 'inferred'],
    ['17.0.15', 'v2', '7.0.0-14-generic', false, 'inferred'],
    ['17.0.17', 'v2', '6.18', null, 'unknown'],
    ['17.0.20.1', 'v2', '6.18', true, 'fact'],
    ['21.0.6', 'v2', '6.14.0-1018-aws', false, 'inferred'],
    ['21.0.9', 'v2', '6.14.0-1018-aws', null, 'unknown'],
    ['21.0.12.1', 'v2', '6.18', true, 'fact'],
    ['23.0.2', 'v2', '6.18', false, 'inferred'],
    ['25', 'v2', '6.18', true, 'fact'],
    ['27', 'v2', '7.1', true, 'fact'],
    // The kernel counts with v2 only.
    ['8u504', 'v1', '6.18', true, 'fact'],
    // The first builds of 21.0.9 and 25.0.1 misread limits of v1.
    ['21.0.9', 'v1', null, null, 'unknown'],
    ['21.0.9+10', 'v1', null, false, 'inferred'],
    ['21.0.9.11.1', 'v1', null, true, 'inferred'],
    ['25.0.1+8', 'v1', null, false, 'inferred'],
    ['25.0.1.9.1', 'v1', null, true, 'inferred'],
    ['25.0.1', 'v1', null, null, 'unknown'],
    ['21.0.9+11-LTS', 'v1', null, true, 'inferred'],
    ['21.0.9+10', 'v2', '5.15', true, 'fact'],
    ['21.0.8', 'v1', null, true, 'fact'],
    ['25.0.2', 'v1', null, true, 'fact'],
    ['21', 'v1', null, true, 'fact'],
    ['21.0.10', 'v1', null, true, 'fact'],
    // OpenJ9 has its own releases; IBM Java counts service refreshes and fix packs.
    ['openj9-17.0.8', 'v2', null, true, 'inferred'],
    ['openj9-17.0.7', 'v2', null, false, 'inferred'],
    ['openj9-11.0.20', 'v2', null, true, 'inferred'],
    ['openj9-8u382', 'v2', null, true, 'inferred'],
    ['openj9-8u372', 'v2', null, false, 'inferred'],
    ['ibm-8.0.8.6', 'v2', null, true, 'inferred'],
    ['ibm-8.0.8.5', 'v2', null, false, 'inferred'],
    ['openj9-21', 'v2', null, true, 'inferred'],
    ['openj9-17', 'v2', null, null, 'unknown'],
    ['openj9-8u372', 'v1', null, true, 'inferred'],
    ['graalvm-native-21', 'v2', null, true, 'inferred'],
  ])('JDK %s on cgroup %s, kernel %s: %s, %s', (version, cgroup, kernel, aware, grade) => {
    expect(awareness(version, cgroup, kernel)).toMatchObject({ aware, grade });
  });

  test('the smallest upgrade is named', () => {
    expect(awareness('8u181', 'v1').mend).toBe('Upgrade to 8u191 or later, or set -Xmx.');
    expect(awareness('8u181', 'v2').mend).toBe('Upgrade to 8u372 or later, or set -Xmx.');
    expect(awareness('11.0.15', 'v2').mend).toBe('Upgrade to 11.0.16 or later, or set -Xmx.');
    expect(awareness('17.0.12', 'v2', '6.18').mend).toBe('Upgrade to 17.0.20 or later, or set -Xmx.');
    expect(awareness('8u504', 'v2', '6.18').mend).toBe('No JDK 8 is known to read it there: set -Xmx, or -XX:MaxRAM.');
    expect(awareness('11.0.24', 'v2', '7.0.0-14-generic').mend).toBe('Upgrade to 11.0.32 or later, or set -Xmx.');
    expect(awareness('21.0.6', 'v2', '6.12.0').mend).toBe('Upgrade to 21.0.12 or later, or set -Xmx.');
    expect(awareness('23.0.2', 'v2', '6.12.0').mend).toBe('Upgrade to JDK 25 or set -Xmx, or -XX:MaxRAM.');
    expect(awareness('21.0.9+10', 'v1').mend).toBe(
      'Take a build of it from 11 on (java -version tells: +11), a later update, or set -Xmx.',
    );
    expect(awareness('openj9-17.0.7', 'v2').mend).toBe('Upgrade to 17.0.8 or later, or set -Xmx.');
    expect(awareness('ibm-8.0.8.5', 'v2').mend).toBe('Upgrade to 8.0.8.6 or later, or set -Xmx.');
    expect(awareness('17', 'v2').mend).toBeNull();
  });

  test('-XX:-UseContainerSupport turns it off', () => {
    expect(awareness('17', 'v2', null, ['-XX:-UseContainerSupport'])).toMatchObject({ aware: false, grade: 'fact' });
  });

  test('the old experimental flag reads the limit for the heap alone, and on cgroup v1 alone', () => {
    const flags = ['-XX:+UnlockExperimentalVMOptions', '-XX:+UseCGroupMemoryLimitForHeap'];
    expect(awareness('8u181', 'v1', null, flags)).toMatchObject({ aware: true, scope: 'heap' });
    expect(awareness('8u181', 'v2', null, flags)).toMatchObject({ aware: false });
  });
});
