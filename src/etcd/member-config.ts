import { isIP } from 'node:net';
import { stringify } from 'yaml';
import type { Section } from '../report/report.ts';
import { listed } from '../report/text.ts';
import type { Member } from './cluster.ts';
import { addressOf, hostPort, isEndpoint } from './endpoint.ts';
import { etcdctl } from './etcdctl.ts';
import type { KnownCluster } from './member-reference.ts';
import type { PeerHost } from './peer-certificate.ts';
import { canonicalPeerUrl, hostsOf } from './peer-url.ts';
import { isAtLeast } from './version-checks.ts';

/** A member that has been added and is to be started. */
export type NewMember = {
  readonly name: string;
  readonly id: string;
  readonly peerUrls: readonly string[];
  /** Every member as the cluster answered it after the addition, the new one among them. */
  readonly members: readonly Member[];
  /** Where the hosts of its peer URLs lead. */
  readonly hosts: readonly PeerHost[];
};

/** One setting, in the three ways that etcd takes it. */
type Setting = { readonly key: string; readonly value: string };

type Folder = { readonly pki: string; readonly data: string };
/** Where packages and most handbooks put them; said to be conventional, for only the node knows. */
const plain: Folder = { pki: '/etc/etcd/pki', data: '/var/lib/etcd' };
const kubeadm: Folder = { pki: '/etc/kubernetes/pki/etcd', data: '/var/lib/etcd' };

/** `etcd-1=https://10.0.0.1:2380,…`: all members, as etcd compares them with its own list. */
export function initialCluster({ name, id, members }: NewMember): string {
  return members
    .flatMap((member) => {
      // Peer URLs and their number are what is compared; one that has never started has no name yet.
      const called = member.id === id ? name : member.name || member.id;
      return member.peerUrls.map((url) => `${called}=${url}`);
    })
    .join(',');
}

/** Everything that the new node is started with. */
export function handOverSections(added: NewMember, view: KnownCluster): Section[] {
  const settings = settingsOf(added, view, plain);
  return [
    {
      kind: 'text',
      title: `How to start ${added.name}`,
      text: [
        `On the new node, with the etcd version of the members (${versionOf(view) || 'unknown here'}), by ONE of the ways below. A setting is given as a flag or as a variable, never both: from 3.4 on etcd then ends with "conflicting environment variable … is shadowed".`,
        `The data directory has to be empty: \`ls -A ${plain.data}\` prints nothing.`,
        `Certificates are looked for in ${plain.pki} (kubeadm: ${kubeadm.pki}): ca.crt, server.crt, server.key, peer.crt, peer.key. Where they are elsewhere, change those paths only. server.crt names the node for its clients, peer.crt for its peers: both hold ${listed(hostsOf(added.peerUrls))}.`,
        'Where the members run with other timers (--heartbeat-interval, --election-timeout) or a larger quota than is told here, give the same.',
      ].join('\n'),
    },
    { kind: 'code', title: '/etc/etcd/etcd.env', text: environmentFile(settings) },
    { kind: 'code', title: '/etc/systemd/system/etcd.service', text: systemdUnit() },
    { kind: 'code', title: '/etc/etcd/etcd.conf.yaml', text: configFile(settings) },
    { kind: 'code', title: '/etc/kubernetes/manifests/etcd.yaml', text: staticPod(added, view) },
    { kind: 'code', title: 'The same by hand, with etcdctl', text: etcdctlCommands(added, view) },
  ];
}

function versionOf(view: KnownCluster): string {
  return view.leader?.status?.version ?? view.members.find(({ status }) => status !== null)?.status?.version ?? '';
}

/** The port and scheme that the members' clients use; 2379 where they differ, as on one machine. */
function clientAddressing(view: KnownCluster): { readonly scheme: string; readonly port: number } {
  const urls = view.members.flatMap(({ member }) => member.clientUrls.filter(isEndpoint)).map(addressOf);
  const ports = [...new Set(urls.map(({ port }) => port))];
  const scheme = urls.length > 0 && urls.every(({ isTls }) => !isTls) ? 'http' : 'https';
  return { scheme, port: ports.length === 1 ? (ports[0] ?? 2379) : 2379 };
}

function settingsOf(added: NewMember, view: KnownCluster, folder: Folder): Setting[] {
  const { scheme, port } = clientAddressing(view);
  const hosts = hostsOf(added.peerUrls);
  const listening = [...new Set(hosts.map((host) => listeningHost(host, added.hosts)))];
  const loopback = listening.includes('0.0.0.0') || listening.includes('127.0.0.1') ? [] : ['127.0.0.1'];
  const peerTls = added.peerUrls.some((url) => url.startsWith('https:'));
  const version = versionOf(view);
  const quotaBytes = view.members.find(({ quotaBytes: quota }) => quota !== null)?.quotaBytes ?? null;
  return [
    { key: 'name', value: added.name },
    { key: 'data-dir', value: folder.data },
    { key: 'listen-peer-urls', value: added.peerUrls.map((url) => listeningUrl(url, added.hosts)).join(',') },
    {
      key: 'listen-client-urls',
      value: [...listening, ...loopback].map((host) => `${scheme}://${hostPort(host, port)}`).join(','),
    },
    { key: 'initial-advertise-peer-urls', value: added.peerUrls.join(',') },
    { key: 'advertise-client-urls', value: hosts.map((host) => `${scheme}://${hostPort(host, port)}`).join(',') },
    { key: 'initial-cluster', value: initialCluster(added) },
    { key: 'initial-cluster-state', value: 'existing' },
    ...(scheme === 'https'
      ? [
          { key: 'cert-file', value: `${folder.pki}/server.crt` },
          { key: 'key-file', value: `${folder.pki}/server.key` },
          { key: 'client-cert-auth', value: 'true' },
          { key: 'trusted-ca-file', value: `${folder.pki}/ca.crt` },
        ]
      : []),
    ...(peerTls
      ? [
          { key: 'peer-cert-file', value: `${folder.pki}/peer.crt` },
          { key: 'peer-key-file', value: `${folder.pki}/peer.key` },
          { key: 'peer-client-cert-auth', value: 'true' },
          { key: 'peer-trusted-ca-file', value: `${folder.pki}/ca.crt` },
        ]
      : []),
    ...(quotaBytes === null ? [] : [{ key: 'quota-backend-bytes', value: String(quotaBytes) }]),
    // 3.4 still has the old logger as its default; from 3.5 on there is no other than zap.
    ...(isAtLeast(version, [3, 4, 0]) && !isAtLeast(version, [3, 5, 0]) ? [{ key: 'logger', value: 'zap' }] : []),
  ];
}

/** etcd listens on addresses only: a name is replaced by where it leads, or by every address of the machine. */
function listeningHost(host: string, hosts: readonly PeerHost[]): string {
  if (isIP(host) !== 0) return host;
  const addresses = hosts.find((known) => known.host === host)?.addresses ?? [];
  return addresses.length === 1 ? (addresses[0] ?? '0.0.0.0') : '0.0.0.0';
}

function listeningUrl(url: string, hosts: readonly PeerHost[]): string {
  const { host, port, isTls } = addressOf(canonicalPeerUrl(url));
  return `${isTls ? 'https' : 'http'}://${hostPort(listeningHost(host, hosts), port)}`;
}

function environmentFile(settings: readonly Setting[]): string {
  const line = ({ key, value }: Setting) => `ETCD_${key.toUpperCase().replaceAll('-', '_')}=${environmentValue(value)}`;
  return ['# Settings of this member; the unit gives no flags.', ...settings.map(line)].join('\n');
}

/** systemd takes a value in double quotes with backslash escapes (systemd.exec, EnvironmentFile=). */
function environmentValue(value: string): string {
  return /^[A-Za-z0-9_@%+=:,./[\]-]*$/.test(value)
    ? value
    : `"${value.replace(/(["\\$`])/g, '\\$1').replace(/\n/g, ' ')}"`;
}

function systemdUnit(): string {
  return [
    '[Unit]',
    'Description=etcd',
    'After=network-online.target',
    'Wants=network-online.target',
    '',
    '[Service]',
    'Type=notify',
    'User=etcd',
    'EnvironmentFile=/etc/etcd/etcd.env',
    '# No flags: each setting is in the environment file alone.',
    'ExecStart=/usr/local/bin/etcd',
    'Restart=on-failure',
    'RestartSec=5',
    '# A follower first has to receive the whole database.',
    'TimeoutStartSec=0',
    'LimitNOFILE=65536',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ].join('\n');
}

const clientTls = ['cert-file', 'key-file', 'client-cert-auth', 'trusted-ca-file'];

/** The config file has its own shape: TLS settings are nested, and `etcd --config-file` ignores every flag and variable. */
function configFile(settings: readonly Setting[]): string {
  const typed = ({ value }: Setting) => (value === 'true' ? true : /^\d+$/.test(value) ? Number(value) : value);
  const isPeerTls = ({ key }: Setting) => key.startsWith('peer-');
  const isClientTls = ({ key }: Setting) => clientTls.includes(key);
  const nested = (part: readonly Setting[], prefix: string) =>
    part.length === 0
      ? undefined
      : Object.fromEntries(part.map((setting) => [setting.key.slice(prefix.length), typed(setting)]));
  const top = settings.filter((setting) => !isPeerTls(setting) && !isClientTls(setting));
  const whole = {
    ...Object.fromEntries(top.map((setting) => [setting.key, setting.key === 'name' ? setting.value : typed(setting)])),
    'client-transport-security': nested(settings.filter(isClientTls), ''),
    'peer-transport-security': nested(settings.filter(isPeerTls), 'peer-'),
  };
  return `# etcd --config-file /etc/etcd/etcd.conf.yaml\n${stringify(whole, { lineWidth: 0 })}`.trimEnd();
}

/** As kubeadm writes it, with this member's values. */
function staticPod(added: NewMember, view: KnownCluster): string {
  const settings = settingsOf(added, view, kubeadm);
  const version = versionOf(view);
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'etcd', namespace: 'kube-system', labels: { component: 'etcd', tier: 'control-plane' } },
    spec: {
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      containers: [
        {
          name: 'etcd',
          image: `etcd:${version || 'version'}`,
          command: [
            'etcd',
            ...settings.map(({ key, value }) => `--${key}=${value}`),
            '--listen-metrics-urls=http://127.0.0.1:2381',
          ],
          ...(isAtLeast(version, [3, 5, 0]) ? { livenessProbe } : {}),
          resources: { requests: { cpu: '100m', memory: '100Mi' } },
          volumeMounts: [
            { name: 'etcd-data', mountPath: kubeadm.data },
            { name: 'etcd-certs', mountPath: kubeadm.pki },
          ],
        },
      ],
      volumes: [
        { name: 'etcd-certs', hostPath: { path: kubeadm.pki, type: 'DirectoryOrCreate' } },
        { name: 'etcd-data', hostPath: { path: kubeadm.data, type: 'DirectoryOrCreate' } },
      ],
    },
  };
  const note = '# Take `image` from the manifest of another member.';
  return `${note}\n${stringify(pod, { lineWidth: 0 })}`.trimEnd();
}

/** Without `exclude` and `serializable` a space alarm or a lost quorum would make the kubelet kill members that are needed. */
const livenessProbe = {
  httpGet: { host: '127.0.0.1', path: '/health?exclude=NOSPACE&serializable=true', port: 2381, scheme: 'HTTP' },
  initialDelaySeconds: 10,
  periodSeconds: 10,
  timeoutSeconds: 15,
  failureThreshold: 8,
};

function etcdctlCommands({ id, name, peerUrls, members }: NewMember, view: KnownCluster): string {
  const endpoints = view.members.flatMap(({ endpoint, status }) =>
    endpoint === null || status === null ? [] : [endpoint],
  );
  const run = (...words: readonly string[]) =>
    etcdctl(view.seen, endpoints.length === 0 ? view.seen.configuredEndpoints : endpoints, ...words);
  const isLearner = members.find((member) => member.id === id)?.isLearner === true;
  return [
    '# What the bot has done:',
    run('member', 'add', name, `--peer-urls=${peerUrls.join(',')}`, ...(isLearner ? ['--learner'] : [])),
    '# What it watches:',
    run('member', 'list', '-w', 'table'),
    run('--cluster', 'endpoint', 'status', '-w', 'table'),
    ...(isLearner ? ['# What it does once the member has caught up:', run('member', 'promote', id)] : []),
    '# What takes it back:',
    run('member', 'remove', id),
  ].join('\n');
}
