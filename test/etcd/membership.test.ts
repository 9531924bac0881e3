import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { etcdAdd } from '../../jobs/etcd/add.ts';
import { etcdMoveLeader } from '../../jobs/etcd/move-leader.ts';
import { etcdPromote } from '../../jobs/etcd/promote.ts';
import { etcdRemove } from '../../jobs/etcd/remove.ts';
import { connectEtcd, type EtcdCluster } from '../../src/etcd/client.ts';
import { certificateFaults, readPeerCertificate } from '../../src/etcd/peer-certificate.ts';
import type { Check, Context } from '../../src/job.ts';
import { type Authority, type CertificateRequest, issue, makeAuthority } from '../support/certificates.ts';
import { type EatingProxy, startEatingProxy } from '../support/eating-proxy.ts';
import { type EtcdTestCluster, type SpareEtcdMember, startEtcd } from '../support/etcd.ts';
import { waitFor } from '../support/process.ts';
import { driveChange } from '../support/step-driver.ts';

/** One cluster for all: etcd takes no change of members in its first five seconds, and that is waited for once. */
let etcd: EtcdTestCluster;
let direct: EtcdCluster;
let proxied: EtcdCluster;
let proxies: readonly EatingProxy[];
let spare: SpareEtcdMember;
let context: Context;

const contextFor = (cluster: EtcdCluster): Context => ({
  clients: { etcd: async () => cluster, kubernetes: async () => Promise.reject(new Error('there is none')) },
  now: () => new Date(),
  signal: new AbortController().signal,
  progress() {},
});

beforeAll(async () => {
  etcd = await startEtcd({ own: true });
  proxies = await Promise.all(
    etcd.endpoints.map((endpoint) => startEatingProxy('127.0.0.1', Number(new URL(endpoint).port))),
  );
  const common = { name: 'prod', tls: etcd.tls };
  direct = await connectEtcd({ ...common, endpoints: etcd.endpoints });
  proxied = await connectEtcd({ ...common, endpoints: proxies.map(({ port }) => `https://127.0.0.1:${port}`) });
  // No subject alternative name at all: the peer certificate that makes a zombie. What it shows to clients is right.
  spare = await etcd.prepareSpare('etcd-4', []);
  spare.showCertificate(await peerCertificate(['127.0.0.1']));
  context = contextFor(direct);
}, 30_000);

afterAll(async () => {
  direct.close();
  proxied.close();
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await etcd.stop();
});

function authority(): Authority {
  if (etcd.authority === undefined) throw new Error('the cluster was started without TLS');
  return etcd.authority;
}

const addInput = () => ({
  cluster: 'prod',
  name: 'etcd-4',
  peerUrls: [spare.peerUrl],
  as: 'learner-then-promote' as const,
  spare: [],
  certificate: null,
  startTimeoutMs: 60_000,
});

const peerCertificate = async (addresses: readonly string[]) =>
  await issue(authority(), { commonName: 'etcd-4', addresses, usages: ['server', 'client'] });

const statusOf = (checks: readonly Check[], name: string) => checks.find((check) => check.name === name)?.status;
const membersNow = async () => (await direct.membership.list()).value ?? [];
const namesNow = async () => (await membersNow()).map(({ name }) => name).sort();

/** Foreseen from the certificate alone, and done by etcd: whether the members let in a node that presents it. */
describe('what a peer certificate leads to, foreseen and seen', () => {
  test.each<[string, Partial<CertificateRequest> & { readonly by?: 'another CA' }, 'let in' | 'refused']>([
    ['one of its own that names its address', { addresses: ['127.0.0.1'] }, 'let in'],
    ['one shared by others, without its address', { addresses: ['10.0.0.1', '10.0.0.2'] }, 'refused'],
    ['serverAuth alone', { addresses: ['127.0.0.1'], usages: ['server'] }, 'refused'],
    ['clientAuth alone', { addresses: ['127.0.0.1'], usages: ['client'] }, 'let in'],
    ['no name at all', { addresses: [] }, 'let in'],
    ['another CA', { addresses: ['127.0.0.1'], by: 'another CA' }, 'refused'],
    ['a name that leads nowhere', { addresses: ['etcd-4.invalid'] }, 'refused'],
    [
      'an end in the past',
      { addresses: ['127.0.0.1'], notBefore: new Date('2020-01-01'), notAfter: new Date('2020-06-01') },
      'refused',
    ],
  ])('%s', async (title, { by, ...more }, outcome) => {
    const signer = by === undefined ? authority() : await makeAuthority('another CA');
    const request = { commonName: 'etcd-9', addresses: [], usages: ['server', 'client'] as const, ...more };
    const { certPem, keyPem } = await issue(signer, request);
    const certificate = readPeerCertificate(certPem, authority().certPem);
    const faults =
      certificate === null
        ? []
        : certificateFaults(certificate, [{ host: '127.0.0.1', addresses: ['127.0.0.1'] }], new Date());
    const endsAtStart = faults.some((fault) => /ends at its start|look those names up|has expired/.test(fault.outcome));
    expect(endsAtStart ? 'refused' : 'let in').toBe(outcome);

    // Never added: past TLS it is refused for that, which shows that TLS let it in.
    const stranger = await etcd.prepareSpare(title.replace(/[^a-z]+/gi, '-'));
    writeFileSync(stranger.files.peerCert, certPem);
    writeFileSync(stranger.files.peerKey, keyPem);
    await stranger.join([...etcd.members, stranger].map(({ name, peerUrl }) => ({ name, peerUrl })));
    await waitFor(`the end of ${title}`, () => !stranger.isRunning());
    const actual = /could not retrieve cluster information/.test(stranger.log())
      ? 'refused'
      : /error validating peerURLs|member count is unequal/.test(stranger.log())
        ? 'let in'
        : stranger.log();
    expect(actual).toBe(outcome);
  });
});

describe('from three members to four, on a real cluster with mutual TLS', () => {
  let joining: ReturnType<typeof driveChange>;

  test('the plan foresees what a wrong certificate would do', async () => {
    const { certPem } = await peerCertificate(['10.9.9.9']);
    const { checks, sections } = await etcdAdd.propose({ ...addInput(), certificate: certPem }, context);
    expect(checks.find(({ status }) => status === 'blocking')).toEqual({
      name: 'The certificate names the new node',
      status: 'blocking',
      seen: expect.stringMatching(
        /^Of the one handed over: it lacks 127\.0\.0\.1 \(it has 10\.9\.9\.9\)\. What would happen: peers answer "x509: certificate is valid for 10\.9\.9\.9, not 127\.0\.0\.1".*the new process ends at its start/,
      ),
      advice: expect.stringContaining('127.0.0.1 among its subject alternative names'),
    });
    expect(sections.map(({ title }) => title)).toContain('etcd-4-peer-csr.json (cfssl)');
  });

  test('the plan with the right certificate has no obstacle, and reads everybody’s', async () => {
    const { certPem } = await peerCertificate(['127.0.0.1']);
    const { checks, plan, words } = await etcdAdd.propose({ ...addInput(), certificate: certPem }, context);
    expect(checks.filter(({ status }) => status === 'blocking')).toEqual([]);
    expect(statusOf(checks, 'The members’ peer certificates are read')).toBe('ok');
    expect(statusOf(checks, 'The certificate is signed by the peers’ CA')).toBe('ok');
    expect(words).toBe(`add etcd-4 at ${spare.peerUrl} to prod as a learner, then promote it`);
    expect(Object.keys(plan).sort()).toEqual(['as', 'cluster', 'name', 'peerUrls', 'spare', 'startTimeoutMs']);
  });

  test('a worker that is killed right before MemberAdd has added nobody', async () => {
    const { plan } = await etcdAdd.propose(addInput(), context);
    joining = driveChange(etcdAdd, plan, contextFor(proxied).clients);
    const killed = async () => Promise.reject(new Error('killed'));
    await expect(joining.run({ fence: killed })).rejects.toThrow('killed');
    expect(joining.intent).toMatchObject({ addingPeerUrls: spare.peerUrl });
    expect(await namesNow()).toEqual(['etcd-1', 'etcd-2', 'etcd-3']);
  });

  test('a reply to MemberAdd that is lost leaves one member, and it is known for ours', async () => {
    // As soon as the others see the member its reply can only be in the proxy; a refusal is lost as well, and found out in the list.
    const fence = async () => {
      for (const proxy of proxies) proxy.eat();
      void waitFor('the member that was added', async () => (await membersNow()).length === 4, { timeoutMs: 500 })
        .catch(() => undefined)
        .finally(() => {
          for (const proxy of proxies) proxy.cut();
        });
    };
    const waiting = await joining.run({ until: 'Started', fence });
    expect(waiting).toMatchObject({ kind: 'waiting', reason: `Nothing listens at ${spare.peerUrl}.` });
    const added = (await membersNow()).filter(({ peerUrls }) => peerUrls.includes(spare.peerUrl));
    expect(added).toEqual([expect.objectContaining({ name: '', isLearner: true, id: joining.intent.addedMemberId })]);
  });

  test('the zombie that a certificate without names makes is caught before its promotion', async () => {
    await spare.join([
      ...etcd.members.map(({ name, peerUrl }) => ({ name, peerUrl })),
      { name: spare.name, peerUrl: spare.peerUrl },
    ]);
    const waiting = await joining.run({ until: 'Certificate and links fine' });
    expect(waiting).toMatchObject({
      kind: 'waiting',
      reason: 'Its certificate would be refused: it has no subject alternative name at all, so none for 127.0.0.1.',
    });
    expect(spare.isRunning()).toBe(true);
    const blocked = await joining.run({ aheadMs: 61_000 });
    expect(blocked.kind === 'blocked' ? blocked.refusal.message : blocked).toBe(
      'etcd-4 is not fit to vote: its certificate is refused by its peers: it has no subject alternative name at all, so none for 127.0.0.1. It replicates and reports itself healthy all the same, and etcd would promote it: a zombie.',
    );
    await waitFor('the others’ refusals in its log', () => /rejected connection.*bad certificate/.test(spare.log()));
  });

  test('with the right certificate it is promoted, once, and the cluster is healthy', async () => {
    const { certPem, keyPem } = await peerCertificate(['127.0.0.1']);
    await spare.stop();
    writeFileSync(spare.files.peerCert, certPem);
    writeFileSync(spare.files.peerKey, keyPem);
    await spare.restart();
    expect((await joining.run()).kind).toBe('done');
    expect(joining.log.filter((line) => line.endsWith('done'))).toEqual([
      'Added: done',
      'Configuration handed over: done',
      'Started: done',
      'Caught up: done',
      'Certificate and links fine: done',
      'Promoted: done',
      'Cluster healthy: done',
    ]);
    expect(joining.notes['Certificate and links fine']).toMatch(
      /^Its certificate, read again, is right; etcd-1, etcd-2 and etcd-3 are connected to it\.$/,
    );
    expect(joining.notes['Cluster healthy']).toMatch(/^prod: 4 of 4 healthy, can lose 1/);
    expect((await membersNow()).filter(({ isLearner }) => isLearner)).toEqual([]);
  });
});

describe('on the cluster of four', () => {
  test('a voter cannot be promoted, a taken name and a client port are told', async () => {
    await expect(etcdPromote.propose({ cluster: 'prod', member: 'etcd-4' }, context)).rejects.toThrow(
      'etcd-4 is a voter already.',
    );
    const { checks } = await etcdAdd.propose({ ...addInput(), peerUrls: [etcd.endpoints[0] ?? ''] }, context);
    expect(checks.filter(({ status }) => status === 'blocking').map(({ name }) => name)).toEqual(
      expect.arrayContaining(['The name is free', 'The port is a peer port']),
    );
  });

  test('leadership moves to the member that was named', async () => {
    const { plan, checks } = await etcdMoveLeader.propose({ cluster: 'prod', member: null }, context);
    expect(checks.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect((await driveChange(etcdMoveLeader, plan, context.clients).run()).kind).toBe('done');
    const { leader, target } = await leaderAndAnother();
    const proposal = await etcdMoveLeader.propose({ cluster: 'prod', member: target }, context);
    const moving = driveChange(etcdMoveLeader, proposal.plan, context.clients);
    expect((await moving.run()).kind).toBe('done');
    expect((await leaderAndAnother()).leader).toBe(target);
    expect(leader).not.toBe(target);
    await expect(etcdMoveLeader.propose({ cluster: 'prod', member: target }, context)).rejects.toThrow(
      `${target} leads already.`,
    );
  });

  test('the leader is removed after it has handed leadership over, and never again', async () => {
    const { leader } = await leaderAndAnother();
    const { plan, checks } = await etcdRemove.propose({ cluster: 'prod', member: leader }, context);
    expect(statusOf(checks, 'The quorum stands, before and after')).toBe('ok');
    const removing = driveChange(etcdRemove, plan, context.clients);
    expect((await removing.run()).kind).toBe('done');
    expect(await namesNow()).toEqual(['etcd-1', 'etcd-2', 'etcd-3', 'etcd-4'].filter((name) => name !== leader));
    await expect(etcdRemove.propose({ cluster: 'prod', member: plan.memberId }, context)).rejects.toThrow(
      `prod has no member ${plan.memberId}.`,
    );
  });
});

async function leaderAndAnother(): Promise<{ readonly leader: string; readonly target: string }> {
  const { asked, members } = await direct.see();
  const leaderId = asked.find(({ status }) => status?.leaderId === status?.memberId)?.status?.memberId;
  const leader = members?.find(({ id }) => id === leaderId)?.name;
  const target = members?.find(({ id, isLearner }) => id !== leaderId && !isLearner)?.name;
  if (leader === undefined || target === undefined) throw new Error('no leader');
  return { leader, target };
}
