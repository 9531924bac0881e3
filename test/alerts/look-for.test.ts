import { describe, expect, test } from '@jest/globals';
import { commands } from '../../commands/index.ts';
import { looksOfAlerts } from '../../src/alerts/config.ts';
import { type LookFacts, lookFor } from '../../src/alerts/look-for.ts';
import { usualRules } from '../../src/alerts/rules.ts';
import { parseLine, parseWords } from '../../src/grammar.ts';

const one: LookFacts = { rules: {}, clusterLabel: 'cluster', etcd: ['store'], kubernetes: ['prod'] };
const two: LookFacts = { ...one, etcd: ['store', 'prod'], kubernetes: ['prod', 'staging'] };
const crash = { alertname: 'KubePodCrashLooping', namespace: 'shop', pod: 'web-1', container: 'app' };

describe('the usual rules lead to', () => {
  test.each<[string, Readonly<Record<string, string>>, string | null]>([
    ['a pod', crash, 'oom why shop/web-1 -c app --cluster prod'],
    ['a pod without its container', { ...crash, container: '' }, 'oom why shop/web-1 --cluster prod'],
    ['a pod without its namespace', { ...crash, namespace: undefined as never }, 'oom why web-1 -c app --cluster prod'],
    [
      'the pod that kube-state-metrics tells of, not its own',
      { ...crash, exported_namespace: 'pay', exported_pod: 'api-2', exported_container: 'main' },
      'oom why pay/api-2 -c main --cluster prod',
    ],
    [
      'a deployment, not the pod that tells of it',
      {
        alertname: 'KubeDeploymentReplicasMismatch',
        namespace: 'shop',
        deployment: 'checkout',
        pod: 'kube-state-metrics-0',
        container: 'ksm',
      },
      'oom why shop/deploy/checkout --cluster prod',
    ],
    [
      'a stateful set',
      { alertname: 'KubeStatefulSetReplicasMismatch', namespace: 'shop', statefulset: 'db' },
      'oom why shop/sts/db --cluster prod',
    ],
    [
      'a daemon set',
      { alertname: 'KubeDaemonSetRolloutStuck', namespace: 'kube-system', daemonset: 'cni' },
      'oom why kube-system/ds/cni --cluster prod',
    ],
    [
      'a job',
      { alertname: 'KubeJobFailed', namespace: 'jobs', job_name: 'nightly-1', job: 'kube-state-metrics' },
      'oom why jobs/job/nightly-1 --cluster prod',
    ],
    [
      'a namespace that is called like a kind',
      { ...crash, namespace: 'deploy' },
      'oom why web-1 -n deploy -c app --cluster prod',
    ],
    ['a member of etcd', { alertname: 'etcdMembersDown' }, 'etcd health --cluster store'],
    ['no leader', { alertname: 'etcdNoLeader', instance: '10.0.0.1:2379' }, 'etcd health --cluster store'],
    ['a slow disk', { alertname: 'etcdHighFsyncDurations' }, 'etcd health --cluster store'],
    ['a full database', { alertname: 'etcdDatabaseQuotaLowSpace' }, 'etcd space --cluster store'],
    ['certificates', { alertname: 'KubeClientCertificateExpiration' }, 'etcd certs --cluster store'],
    ['certificates of etcd', { alertname: 'etcdSignerCAExpirationWarning' }, 'etcd certs --cluster store'],
    ['etcd in other words', { alertname: 'EtcdTooSlow' }, 'etcd health --cluster store'],
    ['kills in other words', { ...crash, alertname: 'PodOOMKilled' }, 'oom why shop/web-1 -c app --cluster prod'],
    ['memory', { ...crash, alertname: 'ContainerMemoryNearLimit' }, 'oom why shop/web-1 -c app --cluster prod'],
    ['something else', { alertname: 'NodeFilesystemFull', pod: 'node-exporter-1', namespace: 'mon' }, null],
    ['nothing', {}, null],
    ['a rule that is called like a property', { alertname: 'constructor' }, null],
  ])('%s', (_name, labels, line) => {
    expect(lookFor(labels, one).line).toBe(line);
  });

  test('lines that are commands', () => {
    for (const look of looksOfAlerts) {
      const command = commands.find(({ name }) => name === look);
      expect([look, command?.job.kind]).toEqual([look, 'look']);
    }
    for (const alertname of Object.keys(usualRules)) {
      const { line } = lookFor({ ...crash, alertname, deployment: 'web' }, one);
      const asked = parseLine(commands, `/${line}`);
      if (asked.kind !== 'command') throw new Error(`${line} is no command`);
      expect(() => parseWords(asked.command, asked.args)).not.toThrow();
    }
  });
});

test('the config’s own rules count before the usual ones', () => {
  const facts: LookFacts = {
    ...one,
    rules: { Mine: 'oom why', Store: 'etcd members', etcdNoLeader: 'none', KubePodNotReady: 'oom list' },
  };
  expect(lookFor({ ...crash, alertname: 'Mine' }, facts).line).toBe('oom why shop/web-1 -c app --cluster prod');
  expect(lookFor({ alertname: 'Mine', namespace: 'shop', deployment: 'web' }, facts).line).toBe(
    'oom why shop/deploy/web --cluster prod',
  );
  expect(lookFor({ alertname: 'Store' }, facts).line).toBe('etcd members --cluster store');
  expect(lookFor({ alertname: 'etcdNoLeader' }, facts)).toEqual({ line: null, cluster: '', remark: null });
  expect(lookFor({ ...crash, alertname: 'KubePodNotReady' }, facts).line).toBe('oom list --cluster prod');
});

describe('the cluster of an alert', () => {
  test('is the one that its label names', () => {
    expect(lookFor({ ...crash, cluster: 'staging' }, two)).toEqual({
      line: 'oom why shop/web-1 -c app --cluster staging',
      cluster: 'staging',
      remark: null,
    });
    expect(lookFor({ ...crash, k8s: 'staging' }, { ...two, clusterLabel: 'k8s' }).cluster).toBe('staging');
  });

  test('is for etcd also the one that its job names: etcd’s own rules call it so', () => {
    expect(lookFor({ alertname: 'etcdNoLeader', job: 'store' }, two).line).toBe('etcd health --cluster store');
  });

  test('is the only one where it names none, and says so where it names another', () => {
    expect(lookFor(crash, one)).toMatchObject({ cluster: 'prod', remark: null });
    expect(lookFor({ ...crash, cluster: 'eu-1' }, one)).toMatchObject({
      cluster: 'prod',
      remark:
        'Looked at prod, the only Kubernetes cluster that is configured; its label `cluster` is “eu-1”, which is none.',
    });
  });

  test.each<[string, Readonly<Record<string, string>>, LookFacts, string]>([
    [
      'there are several and it names none',
      crash,
      two,
      'No look was done: the alert has no label `cluster`, and there are 2 Kubernetes clusters (prod and staging).',
    ],
    [
      'there are several and it names another',
      { alertname: 'etcdNoLeader', cluster: 'eu-1' },
      two,
      'No look was done: its label `cluster` is “eu-1”, and there are 2 etcd clusters (store and prod).',
    ],
    ['there is none', crash, { ...one, kubernetes: [] }, 'No look was done: no Kubernetes cluster is configured.'],
  ])('is unknown where %s, and no look is done', (_name, labels, facts, remark) => {
    expect(lookFor(labels, facts)).toEqual({ line: null, cluster: '', remark });
  });

  test('without a look is still what routes it', () => {
    expect(lookFor({ alertname: 'Mine', namespace: 'shop' }, one).cluster).toBe('prod');
    expect(lookFor({ alertname: 'Mine', cluster: 'staging' }, two).cluster).toBe('staging');
    expect(lookFor({ alertname: 'Watchdog' }, one).cluster).toBe('');
  });
});

describe('labels from outside become no words of a line', () => {
  test.each([
    ['a flag', { pod: '--cluster=other' }],
    ['another flag', { pod: '-h' }],
    ['a quote', { pod: "web'; rm -rf /" }],
    ['a mention', { pod: '<!channel>' }],
    ['a path', { pod: 'shop/deploy/web' }],
    ['a space', { pod: 'web 1' }],
    ['a line break', { pod: 'web\n/etcd remove x' }],
    ['a bad namespace', { namespace: '--help' }],
    ['a namespace with a slash', { namespace: 'a/b' }],
    ['a very long name', { pod: 'a'.repeat(300) }],
  ])('%s', (_name, labels) => {
    expect(lookFor({ ...crash, ...labels }, one)).toMatchObject({ line: null, cluster: 'prod' });
  });

  test('a container that is none is left out', () => {
    expect(lookFor({ ...crash, container: '--cluster' }, one).line).toBe('oom why shop/web-1 --cluster prod');
  });

  test('a cluster that is none is never named', () => {
    expect(lookFor({ ...crash, cluster: 'x --help' }, one).line).toBe('oom why shop/web-1 -c app --cluster prod');
  });
});
