import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { oomWhy } from '../../jobs/oom/why.ts';
import { connectClusters } from '../../src/clusters-client.ts';
import { parseConfig } from '../../src/config.ts';
import { recordedKubernetes } from '../../src/kubernetes/recorded-client.ts';
import type { Report } from '../../src/report/report.ts';
import { askWhy, factOf, now } from '../support/why.ts';

const fixtures = join(import.meta.dirname, '..', 'fixtures', 'oom');

/** A recorded pod, asked about under a config as both a worker and a terminal read it. */
async function askUnder(config: string, name: string): Promise<Report> {
  const clients = connectClusters(parseConfig(config, {}, []), join(fixtures, name));
  return oomWhy.run(
    { cluster: 'recorded', pod: 'x', namespace: null, container: null },
    { clients, now: () => now, signal: new AbortController().signal, progress: () => {} },
  );
}

const images = (...hints: string[]) => `jvm:\n  images:\n${hints.map((hint) => `    - ${hint}\n`).join('')}`;

describe('what the config tells of an image', () => {
  test('names the JDK that neither log nor image tells, as inferred, and the heap is reckoned with it', async () => {
    const without = await askUnder('', 'limit-unknown-jdk-evidence-picks');
    expect([without.data.jdk, without.data.heap]).toEqual([null, null]);
    const report = await askUnder(
      images('{ match: "*/nothing/*", jdk: 21 }', '{ match: "*mystery*", jdk: 8u181 }', '{ match: "*", jdk: 17 }'),
      'limit-unknown-jdk-evidence-picks',
    );
    expect(factOf(report, 'JDK')).toBe('8u181 (inferred; configured for *mystery*)');
    expect(report.data).toMatchObject({ jdk: '8u181', heap: { containerAware: false, maxHeapBytes: 4_194_304_000 } });
  });

  test('goes before the tag of the image', async () => {
    const report = await askUnder(images('{ match: "*", jdk: 11.0.32 }'), 'limit-17-on-kernel-6.12');
    expect(factOf(report, 'JDK')).toBe('11.0.32 (inferred; configured for *)');
  });

  test('gives way to what a log says of the version, and tells the vendor that a version does not', async () => {
    const report = await askUnder(images('{ match: "*", jdk: 17.0.9, vendor: openj9 }'), 'limit-21-percentage-90');
    expect(factOf(report, 'JDK')).toMatch(/^21\S* \(OpenJ9\) \(fact; the log: /);
  });

  test('says that a container is Java of which nothing else does', async () => {
    const report = await askUnder(
      images('{ match: "*orders-native*", jdk: 21, vendor: native }'),
      'limit-graalvm-native',
    );
    expect(factOf(report, 'Java')).toBe('yes: configured for *orders-native*');
    expect(factOf(report, 'JDK')).toBe('21 (native image) (inferred; configured for *orders-native*)');
    expect(report.data.heap).toMatchObject({ maxHeapBytes: 214_748_364 });
    expect(report.data.recommendation).toBeNull();
  });
});

test('JAVA_VERSION in the pod tells the JDK where log, config and image do not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quorum-java-version-'));
  try {
    await cp(join(fixtures, 'limit-unknown-jdk-evidence-picks'), folder, { recursive: true });
    const pod = JSON.parse(await readFile(join(folder, 'pod.json'), 'utf8'));
    pod.spec.containers[0].env = [{ name: 'JAVA_VERSION', value: 'jdk-17.0.17+10' }];
    await writeFile(join(folder, 'pod.json'), JSON.stringify(pod));
    const report = await askWhy(await recordedKubernetes(folder, 'recorded'), 'x');
    expect(factOf(report, 'JDK')).toBe('17.0.17 (inferred; JAVA_VERSION of the pod: jdk-17.0.17+10)');
  } finally {
    await rm(folder, { recursive: true });
  }
});
