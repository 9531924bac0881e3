import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { type Conversation, startConversation } from '../support/conversation.ts';
import { type EtcdTestCluster, type SpareEtcdMember, startEtcd } from '../support/etcd.ts';
import { hasAddress } from '../support/loopback.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import type { Thread } from '../support/slack/model.ts';

const hasSecondAddress = await hasAddress('127.0.0.4');
if (!hasSecondAddress)
  process.stderr.write('Growing to five is not tested: 127.0.0.4 is no address of this machine.\n');

/** Each wait is a second or three; a busy machine takes its time. */
const patienceMs = 20_000;
/** etcd takes no new member in the five seconds after a start: that is waited for twice. */
jest.setTimeout(60_000);

let redis: RedisServer;
let etcd: EtcdTestCluster;
let fourth: SpareEtcdMember;
let fifth: SpareEtcdMember;
let talk: Conversation;

(hasSecondAddress ? describe : describe.skip)('from three members to five, as people see it', () => {
  beforeAll(async () => {
    [redis, etcd] = await Promise.all([
      startRedis({ appendonly: true, own: true }),
      startEtcd({ own: true, peerCertificates: 'shared' }),
    ]);
    const names = ['127.0.0.1', 'localhost', '127.0.0.4', '127.0.0.5'];
    fourth = await etcd.prepareSpare('etcd-4', names, '127.0.0.4');
    fifth = await etcd.prepareSpare('etcd-5', names, '127.0.0.5');
    talk = await startConversation({
      redisUrl: redis.url,
      prefix: redis.prefix,
      etcd: { prod: etcd },
      people: { ann: 'U0ANN', bob: 'U0BOB' },
      access: { operators: ['U0ANN'], approvers: ['U0BOB'] },
    });
  }, 30_000);

  afterAll(async () => {
    await talk?.stop();
    await Promise.all([redis?.stop(), etcd?.stop()]);
  });

  /** What stands in a thread, with the ports that peers have elsewhere. */
  const read = ({ ts }: Pick<Thread, 'ts'>): string =>
    talk.slack
      .threadText(talk.channel, ts)
      .replaceAll(fourth.peerUrl, 'https://127.0.0.4:2380')
      .replaceAll(fifth.peerUrl, 'https://127.0.0.5:2380');
  const newest = (): Thread | undefined => talk.slack.channel(talk.channel).at(-1);
  /** Whoever does this is answered in a new thread, which holds this text before long. */
  async function answered(text: string, doing: () => Promise<unknown>): Promise<Thread> {
    const before = newest()?.ts;
    await doing();
    return await talk.slack.waitFor(
      () => {
        const thread = newest();
        return thread !== undefined && thread.ts !== before && read(thread).includes(text) && thread;
      },
      { what: text, timeoutMs: patienceMs },
    );
  }
  const holds = (thread: Thread, text: string): Promise<unknown> =>
    talk.slack.waitFor(() => read(thread).includes(text), { what: text, timeoutMs: patienceMs });
  const asks = (line: string) => talk.slack.slash(talk.ann.id, talk.channel, line);
  async function approves(thread: Thread): Promise<void> {
    const message = talk.slack
      .thread(talk.channel, thread.ts)
      .replies.find(({ blocks }) => JSON.stringify(blocks).includes('change-approve'));
    const [, id = ''] = /"action_id":"change-approve".*?"value":"([^"]+)"/.exec(JSON.stringify(message?.blocks)) ?? [];
    await talk.slack.click(talk.bob.id, talk.channel, message?.ts ?? '', 'change-approve', id);
  }
  const membersNow = async (): Promise<readonly { name: string; isLearner?: boolean }[]> =>
    JSON.parse((await etcd.etcdctl(['member', 'list', '-w', 'json'])).stdout).members;

  test('the fourth is held up: the shared certificate does not name it, and the files for one that does are handed over', async () => {
    const thread = await answered('With openssl', () => asks(`/etcd add etcd-4 ${fourth.peerUrl} --spare 127.0.0.5`));
    const text = read(thread);
    for (const line of [
      'Not possible now, for this check fails: The certificate names the new node. Of the one that all members share: it lacks 127.0.0.4 (it has 127.0.0.1, localhost). What would happen: it starts, replicates and reports itself healthy, but its peers refuse every connection to it: a zombie that etcd would even promote.',
      'Do: Issue one for the new node with 127.0.0.4 in it (the files are below) and hand it over. The members need no new certificate: only the new node has to present one that names it.',
      'It cannot be approved as long as a check stands in the way.',
      'etcd-4-peer-csr.json (cfssl)',
      '"127.0.0.5"',
      'IP.2 = 127.0.0.4',
      'openssl x509 -req -in etcd-4-peer.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -sha256 -extfile etcd-4-peer.cnf -extensions peer -out etcd-4-peer.crt',
    ])
      expect(text).toContain(line);
    expect(JSON.stringify(thread)).not.toContain('change-approve');
    expect(await membersNow()).toHaveLength(3);
  });

  test('with a right one it is approved; started with the wrong one all the same it is kept from voting until that is mended', async () => {
    const { slack, ann } = talk;
    await asks('/etcd add');
    const [form] = await slack.waitFor(() => slack.views(ann.id).length > 0 && slack.views(ann.id), {
      timeoutMs: patienceMs,
    });
    const own = fourth.peerCertificate();
    const file = slack.uploadFile(ann.id, { name: 'etcd-4-peer.crt', content: own.certPem });
    const thread = await answered('[Approve]', () =>
      slack.submitView(ann.id, form?.id ?? '', {
        name: 'etcd-4',
        peers: fourth.peerUrl,
        spare: '127.0.0.5',
        cert: [file.id],
      }),
    );
    await holds(thread, 'The certificate names the new node: It holds 127.0.0.1, localhost, 127.0.0.4 and 127.0.0.5.');
    await approves(thread);
    await holds(
      thread,
      'Nothing listens at https://127.0.0.4:2380. Its peers would refuse the certificate that all members share, for it lacks 127.0.0.4 (it has 127.0.0.1, localhost): it needs one of its own.',
    );
    expect(read(thread)).toContain('ETCD_INITIAL_CLUSTER_STATE=existing');

    fourth.usePeerCertificate(etcd.members[0]?.peerCertificate() ?? own);
    await fourth.join([...etcd.members, fourth]);
    await holds(thread, 'Its certificate would be refused: it lacks 127.0.0.4 (it has 127.0.0.1, localhost).');
    expect(read(thread)).toContain('Running (Certificate and links fine): add etcd-4');
    expect((await membersNow()).find(({ name }) => name === 'etcd-4')?.isLearner).toBe(true);

    fourth.usePeerCertificate(own);
    await fourth.restart();
    await holds(thread, '@ann Done: add etcd-4 at https://127.0.0.4:2380 to prod as a learner, then promote it');
    const text = read(thread);
    for (const line of [
      'Its certificate, read again, is right; etcd-1, etcd-2 and etcd-3 are connected to it (',
      'etcd-4 votes (',
      'prod has 4 voters and can lose 1, as 3 can. Grow to 5, which can lose 2.',
    ])
      expect(text).toContain(line);
  });

  test('the fifth needs no new certificate: the fourth’s names it already', async () => {
    const thread = await answered('[Approve]', () => asks(`/etcd add etcd-5 ${fifth.peerUrl}`));
    await holds(thread, 'etcd-4’s certificate names the new node already');
    await approves(thread);
    await holds(thread, 'Nothing listens at https://127.0.0.5:2380.');
    fifth.usePeerCertificate(fourth.peerCertificate());
    await fifth.join([...etcd.members, fourth, fifth]);
    await holds(thread, '@ann Done: add etcd-5 at https://127.0.0.5:2380 to prod as a learner, then promote it');
    expect(read(thread)).toContain('prod: 5 of 5 healthy, can lose 2');
    const members = await membersNow();
    expect(members.map(({ name }) => name).sort()).toEqual(['etcd-1', 'etcd-2', 'etcd-3', 'etcd-4', 'etcd-5']);
    expect(members.filter(({ isLearner }) => isLearner)).toEqual([]);
  });
});
