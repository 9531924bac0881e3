import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectEtcd, type EtcdCluster } from '../../../src/etcd/client.ts';
import { hostsOf } from '../../../src/etcd/peer-url.ts';
import { type Authority, type Certificate, issue, issueAuthority, makeAuthority } from '../certificates.ts';
import { type ManagedMember, prepareMember } from '../etcd-member.ts';
import { makeFolder, waitFor } from '../process.ts';
import type { FieldCertificate } from './case.ts';
import { fieldNode } from './network.ts';

/** Three members on machines of their own, that share one peer certificate, as many handbooks make them. */
export interface FieldCluster {
  readonly members: readonly ManagedMember[];
  /** The bot's way to it. */
  readonly bot: EtcdCluster;
  /** The certificate that all members share now. */
  shared(): Certificate;
  /** Exchanges it for one that names these besides the members; etcd reads its files at each handshake. */
  share(names: readonly string[]): Promise<void>;
  certificate(wanted: FieldCertificate): Promise<Certificate>;
  /** A fourth one, on a machine of its own, that is not started. */
  prepare(peerUrl: string, peer: Certificate): Promise<ManagedMember>;
  /** Each member's own count of working connections to another one: 1 for one, undefined where it tells of none. */
  linksTo(memberId: string): Promise<readonly (boolean | undefined)[]>;
  stop(): Promise<void>;
}

const numbers = [11, 12, 13] as const;
const newcomer = 14;
const ports = { client: 2379, peer: 2380, metrics: undefined };
const dayMs = 86_400_000;

export async function startFieldCluster(family: 'ipv4' | 'ipv6'): Promise<FieldCluster> {
  const folder = makeFolder(`quorum-field-${family}`);
  const addressOf = (number: number) => (family === 'ipv4' ? fieldNode(number).ip : fieldNode(number).ip6);
  const own = numbers.map(addressOf);
  const [authority, other] = await Promise.all([makeAuthority('peers'), makeAuthority('peers')]);
  const between = await issueAuthority(authority, 'intermediate');
  const both = ['server', 'client'] as const;
  const forPeers = async (names: readonly string[]) =>
    await issue(authority, { commonName: 'etcd-peer', addresses: names, usages: both });
  let shared = await forPeers(own);

  const client = await issue(authority, { commonName: 'quorum', addresses: [], usages: ['client'] });
  const files = { ca: join(folder, 'ca.crt'), cert: join(folder, 'client.crt'), key: join(folder, 'client.key') };
  writeFileSync(files.ca, authority.certPem);
  writeFileSync(files.cert, client.certPem);
  writeFileSync(files.key, client.keyPem, { mode: 0o600 });
  const tls = { caPem: authority.certPem, caFile: files.ca, client };
  const everywhere = [...numbers, newcomer].flatMap((number) => [fieldNode(number).ip, fieldNode(number).ip6]);
  const server = await issue(authority, { commonName: 'etcd', addresses: everywhere, usages: both });
  const common = { folder, ports, tls, server, flags: ['--initial-cluster-token', folder] };

  const members = numbers.map((number, index) =>
    prepareMember({
      ...common,
      name: `etcd-${index + 1}`,
      peer: shared,
      host: addressOf(number),
      under: fieldNode(number).under,
    }),
  );
  const launched: ManagedMember[] = [...members];
  const cluster = members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  for (const member of members) {
    await member.launch(cluster, 'new');
    // At the same instant they would wait a second for each other.
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  await Promise.all(
    members.map(({ name, probe }) =>
      waitFor(`${name} to read`, () => probe.readsLinearizably(200), { timeoutMs: 20_000 }),
    ),
  );
  const bot = await connectEtcd({ name: 'prod', endpoints: members.map(({ clientUrl }) => clientUrl), tls: files });

  return {
    members,
    bot,
    shared: () => shared,
    async share(names) {
      shared = await forPeers([...own, ...names]);
      for (const { files: at } of members) {
        writeFileSync(at.peerCert, shared.certPem);
        writeFileSync(at.peerKey, shared.keyPem);
      }
    },
    certificate: async (wanted) => await make(wanted, { peers: authority, other, between }),
    async prepare(peerUrl, peer) {
      const [host = ''] = hostsOf([peerUrl]);
      const node = fieldNode(newcomer);
      const member = prepareMember({
        ...common,
        name: 'etcd-4',
        // A data directory of its own each time.
        folder: makeFolder('quorum-field-new'),
        peer,
        host: host.includes(':') ? node.ip6 : node.ip,
        peerHost: host,
        under: node.under,
      });
      launched.push(member);
      return member;
    },
    async linksTo(memberId) {
      const { metrics } = await bot.see(undefined, 'fresh');
      return members.map(
        ({ clientUrl }) => metrics.find(({ endpoint }) => endpoint === clientUrl)?.metrics?.activePeers[memberId],
      );
    },
    async stop() {
      bot.close();
      await Promise.all(launched.map((member) => member.close()));
    },
  };
}

async function make(
  { names, usages = ['server', 'client'], by, dates }: FieldCertificate,
  authorities: { readonly peers: Authority; readonly other: Authority; readonly between: Authority },
): Promise<Certificate> {
  const signer = by === undefined ? authorities.peers : by === 'another CA' ? authorities.other : authorities.between;
  const now = Date.now();
  const made = await issue(signer, {
    commonName: 'etcd-4',
    addresses: names,
    usages,
    ...(dates === 'past' ? { notBefore: new Date(now - 3 * dayMs), notAfter: new Date(now - dayMs) } : {}),
    ...(dates === 'future' ? { notBefore: new Date(now + dayMs) } : {}),
  });
  return by === 'an intermediate CA' ? { ...made, certPem: `${made.certPem}\n${authorities.between.certPem}` } : made;
}
