import { describe, expect, test } from '@jest/globals';
import { etcdPromote } from '../../jobs/etcd/promote.ts';
import type { PeersSeen } from '../../src/etcd/peers.ts';
import type { Context } from '../../src/job.ts';
import { fakeEtcd } from '../support/etcd-fake.ts';
import { failed, type SeenMember, seenAt, seenCluster } from '../support/etcd-seen.ts';
import { peerSeen, seenPeers, sharedCertificate } from '../support/peers-seen.ts';

const covering = { ...sharedCertificate, names: [...sharedCertificate.names, '10.0.0.4'] };
const fine: PeersSeen = {
  ...seenPeers([peerSeen('https://10.0.0.4:2380', covering)], [covering, covering, covering]),
  peerCas: 'PEM',
};
const linked = (isActive: boolean): SeenMember => ({ metrics: { activePeers: { a4: isActive } } });
const watched = (isActive: boolean): Record<string, SeenMember> => ({
  'etcd-1': linked(isActive),
  'etcd-2': linked(isActive),
  'etcd-3': linked(isActive),
  'etcd-4': { isLearner: true },
});

function propose(member: string, members: Readonly<Record<string, SeenMember>>, peers: PeersSeen = fine) {
  const context: Context = {
    clients: {
      etcd: async () => fakeEtcd(() => seenCluster(members), { seePeers: async () => peers }),
      kubernetes: async () => Promise.reject(new Error('there is none')),
    },
    now: () => seenAt,
    signal: new AbortController().signal,
    progress() {},
  };
  return etcdPromote.propose({ cluster: 'prod', member }, context);
}

describe('the plan to promote a learner', () => {
  test('that has caught up, is linked and has the right certificate', async () => {
    const { plan, checks, words, sections } = await propose('etcd-4', watched(true));
    expect(plan).toEqual({ cluster: 'prod', memberId: 'a4', name: 'etcd-4', peerUrls: ['https://10.0.0.4:2380'] });
    expect(words).toBe('promote the learner etcd-4 (a4) of prod to a voter');
    expect(checks.filter(({ status }) => status !== 'ok').map(({ name }) => name)).toEqual([
      'Its connections come from the address it names',
    ]);
    expect(sections[0]).toMatchObject({
      rows: [
        ['Now', '3', '2', '1'],
        ['etcd-4 promoted', '4', '3', '1'],
      ],
    });
  });

  test('is stopped for the zombie: healthy as it says, and without a connection from its peers', async () => {
    const { checks } = await propose('etcd-4', watched(false));
    expect(checks[0]).toMatchObject({
      name: 'The members are connected to it',
      status: 'blocking',
      seen: 'etcd-1, etcd-2 and etcd-3 have no connection to etcd-4, though it may replicate and report itself healthy.',
    });
  });

  test('does not take links that cannot be seen for fine', async () => {
    const { checks } = await propose('etcd-4', { 'etcd-4': { isLearner: true } });
    expect(checks[0]).toMatchObject({
      name: 'The members are connected to it',
      status: 'unknown',
      seen: 'Not to be seen for etcd-1, etcd-2 and etcd-3: no metrics that tell.',
    });
  });

  test('is stopped for a certificate that does not name it', async () => {
    const nameless = { ...sharedCertificate, names: [] };
    const peers = { ...seenPeers([peerSeen('https://10.0.0.4:2380', nameless)]), peerCas: 'PEM' };
    const { checks } = await propose('etcd-4', watched(true), peers);
    expect(checks[0]).toMatchObject({ name: 'The certificate names the new node', status: 'blocking' });
    expect(checks[0]?.seen).toContain('a zombie that etcd would even promote');
  });

  test('warns of one that lags, and says unknown of one that does not answer', async () => {
    const lagging = { ...watched(true), 'etcd-4': { isLearner: true, status: { raftIndex: 10 } } };
    expect(
      (await propose('etcd-4', lagging)).checks.find(({ name }) => name === 'The learner has caught up'),
    ).toMatchObject({
      status: 'warning',
      seen: '4990 entries behind.',
    });
    const silent = { ...watched(true), 'etcd-4': { isLearner: true, failure: failed('deadline', 'no answer') } };
    expect(
      (await propose('etcd-4', silent)).checks.find(({ name }) => name === 'The learner has caught up'),
    ).toMatchObject({
      status: 'unknown',
      seen: 'etcd-4 tells the bot nothing: no answer.',
    });
  });

  test('refuses a voter, one that never started, and no member', async () => {
    await expect(propose('etcd-1', watched(true))).rejects.toThrow('etcd-1 is a voter already.');
    await expect(propose('a4', { 'etcd-4': { isLearner: true, neverStarted: true } })).rejects.toThrow(
      'The learner a4 at https://10.0.0.4:2380 has never started, so there is nothing to promote.',
    );
    await expect(propose('8211f1d0f64f3269', {})).rejects.toThrow('prod has no member 8211f1d0f64f3269.');
  });
});
