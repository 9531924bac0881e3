import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { handOverSections, initialCluster, type NewMember } from '../../src/etcd/member-config.ts';
import { requireKnown } from '../../src/etcd/member-reference.ts';
import { type SeenMember, seenCluster } from '../support/etcd-seen.ts';

const learner = { id: 'ad4', name: '', peerUrls: ['https://10.0.0.4:2380'], clientUrls: [], isLearner: true };

function handedOver(members: Readonly<Record<string, SeenMember>> = {}, more: Partial<NewMember> = {}) {
  const seen = seenCluster(members);
  const added: NewMember = {
    name: 'etcd-4',
    id: 'ad4',
    peerUrls: ['https://10.0.0.4:2380'],
    members: [...(seen.members ?? []), learner],
    hosts: [{ host: '10.0.0.4', addresses: ['10.0.0.4'] }],
    ...more,
  };
  const sections = handOverSections(added, requireKnown(seen));
  const file = (title: string) => {
    const section = sections.find((one) => one.title === title);
    return section?.kind === 'code' ? section.text : '';
  };
  return { added, sections, file };
}

describe('what a new node is started with', () => {
  test('names every member as the cluster answered it, the new one by its planned name', () => {
    expect(initialCluster(handedOver().added)).toBe(
      'etcd-1=https://10.0.0.1:2380,etcd-2=https://10.0.0.2:2380,etcd-3=https://10.0.0.3:2380,etcd-4=https://10.0.0.4:2380',
    );
  });

  test('is an environment file with real values', () => {
    expect(handedOver().file('/etc/etcd/etcd.env').split('\n')).toEqual([
      '# Settings of this member; the unit gives no flags.',
      'ETCD_NAME=etcd-4',
      'ETCD_DATA_DIR=/var/lib/etcd',
      'ETCD_LISTEN_PEER_URLS=https://10.0.0.4:2380',
      'ETCD_LISTEN_CLIENT_URLS=https://10.0.0.4:2379,https://127.0.0.1:2379',
      'ETCD_INITIAL_ADVERTISE_PEER_URLS=https://10.0.0.4:2380',
      'ETCD_ADVERTISE_CLIENT_URLS=https://10.0.0.4:2379',
      'ETCD_INITIAL_CLUSTER=etcd-1=https://10.0.0.1:2380,etcd-2=https://10.0.0.2:2380,etcd-3=https://10.0.0.3:2380,etcd-4=https://10.0.0.4:2380',
      'ETCD_INITIAL_CLUSTER_STATE=existing',
      'ETCD_CERT_FILE=/etc/etcd/pki/server.crt',
      'ETCD_KEY_FILE=/etc/etcd/pki/server.key',
      'ETCD_CLIENT_CERT_AUTH=true',
      'ETCD_TRUSTED_CA_FILE=/etc/etcd/pki/ca.crt',
      'ETCD_PEER_CERT_FILE=/etc/etcd/pki/peer.crt',
      'ETCD_PEER_KEY_FILE=/etc/etcd/pki/peer.key',
      'ETCD_PEER_CLIENT_CERT_AUTH=true',
      'ETCD_PEER_TRUSTED_CA_FILE=/etc/etcd/pki/ca.crt',
      'ETCD_QUOTA_BACKEND_BYTES=8589934592',
    ]);
  });

  test('gives each setting once: the unit has no flag, and the file no second variable', () => {
    const { file } = handedOver();
    const unit = file('/etc/systemd/system/etcd.service');
    expect(unit).toContain('\nExecStart=/usr/local/bin/etcd\n');
    expect(unit).not.toMatch(/--[a-z]/);
    expect(unit).not.toContain('ETCD_');
    const names = file('/etc/etcd/etcd.env')
      .split('\n')
      .slice(1)
      .map((line) => line.split('=')[0]);
    expect(new Set(names).size).toBe(names.length);
  });

  test('is a config file with TLS in its own shape', () => {
    expect(parse(handedOver().file('/etc/etcd/etcd.conf.yaml'))).toMatchObject({
      name: 'etcd-4',
      'initial-cluster-state': 'existing',
      'quota-backend-bytes': 8589934592,
      'client-transport-security': { 'cert-file': '/etc/etcd/pki/server.crt', 'client-cert-auth': true },
      'peer-transport-security': {
        'cert-file': '/etc/etcd/pki/peer.crt',
        'key-file': '/etc/etcd/pki/peer.key',
        'client-cert-auth': true,
        'trusted-ca-file': '/etc/etcd/pki/ca.crt',
      },
    });
  });

  test('is a static pod with flags alone, on the paths of kubeadm', () => {
    const pod = parse(handedOver().file('/etc/kubernetes/manifests/etcd.yaml'));
    const [container] = pod.spec.containers;
    expect(container.env).toBeUndefined();
    expect(container.image).toBe('etcd:3.5.30');
    expect(container.command).toEqual(
      expect.arrayContaining([
        'etcd',
        '--name=etcd-4',
        '--initial-cluster-state=existing',
        '--peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt',
      ]),
    );
    expect(container.livenessProbe.httpGet.path).toBe('/health?exclude=NOSPACE&serializable=true');
  });

  test('tells what the bot did by hand, and what takes it back', () => {
    const lines = handedOver().file('The same by hand, with etcdctl').split('\n');
    const access =
      'etcdctl --endpoints=https://10.0.0.1:2379,https://10.0.0.2:2379,https://10.0.0.3:2379 --cacert=/etc/quorum/ca.crt --cert=/etc/quorum/client.crt --key=/etc/quorum/client.key';
    expect(lines).toContain(`${access} member add etcd-4 --peer-urls=https://10.0.0.4:2380 --learner`);
    expect(lines).toContain(`${access} member promote ad4`);
    expect(lines.at(-1)).toBe(`${access} member remove ad4`);
  });

  test('names the logger only where the old one is still the default', () => {
    const version = (text: string) =>
      handedOver({ 'etcd-2': { status: { version: text } } }).file('/etc/etcd/etcd.env');
    expect(version('3.4.23')).toContain('ETCD_LOGGER=zap');
    expect(version('3.5.30')).not.toContain('ETCD_LOGGER');
  });

  test('listens where a name leads, and on every address where that is not one', () => {
    const peerUrls = ['https://etcd4.example:2380'];
    const at = (addresses: readonly string[] | null) =>
      handedOver({}, { peerUrls, hosts: [{ host: 'etcd4.example', addresses }] })
        .file('/etc/etcd/etcd.env')
        .split('\n')
        .filter((line) => /LISTEN|ADVERTISE/.test(line));
    expect(at(['10.0.0.4'])).toEqual([
      'ETCD_LISTEN_PEER_URLS=https://10.0.0.4:2380',
      'ETCD_LISTEN_CLIENT_URLS=https://10.0.0.4:2379,https://127.0.0.1:2379',
      'ETCD_INITIAL_ADVERTISE_PEER_URLS=https://etcd4.example:2380',
      'ETCD_ADVERTISE_CLIENT_URLS=https://etcd4.example:2379',
    ]);
    expect(at(null)[0]).toBe('ETCD_LISTEN_PEER_URLS=https://0.0.0.0:2380');
  });

  test('keeps an odd name of a member one value', () => {
    const seen = seenCluster();
    const odd = (seen.members ?? []).map((member) => (member.id === 'a1' ? { ...member, name: 'a "b" $c' } : member));
    const file = handedOver({}, { members: [...odd, learner] }).file('/etc/etcd/etcd.env');
    expect(file).toContain('ETCD_INITIAL_CLUSTER="a \\"b\\" \\$c=https://10.0.0.1:2380,');
  });
});
