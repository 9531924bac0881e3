import { cpSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { findBinary } from '../../scripts/binaries.mjs';
import { snapshotsConfig } from '../../src/snapshot/config.ts';
import { type Conversation, startConversation } from '../support/conversation.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { putKeys } from '../support/etcd-keys.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type S3Bucket, startS3 } from '../support/s3.ts';
import { snapshotsTo, testKey, withSnapshots } from '../support/snapshots.ts';

// A machine that is busy with other tests is slow, not wrong.
jest.setTimeout(60_000);

let redis: RedisServer;
let etcd: EtcdTestCluster;
let s3: S3Bucket;
let conversation: Conversation;
const folder = mkdtempSync(join(tmpdir(), 'quorum-snapshots-told-'));
const people = { ann: 'U0ANN', bob: 'U0BOB' };
const path = process.env.PATH;
const otherKey = Buffer.alloc(32, 8).toString('base64');

beforeAll(async () => {
  [redis, etcd, s3] = await Promise.all([startRedis(), startEtcd({ own: true, members: 1 }), startS3()]);
  await putKeys(etcd, [
    { key: '/registry/secrets/shop/db-pass', value: 'hunter2' },
    { key: '/registry/pods/shop/web-1' },
  ]);
  process.env.PATH = `${dirname(findBinary('etcdctl')?.path ?? '')}:${dirname(findBinary('etcd')?.path ?? '')}:${path}`;
  conversation = await startConversation({
    redisUrl: redis.url,
    prefix: redis.prefix,
    etcd: { prod: etcd, bucket: etcd, lost: etcd, bare: etcd },
    people,
    access: { operators: [people.ann], approvers: ['U0CAROL'] },
    configure: (config) =>
      withSnapshots(
        withSnapshots(
          withSnapshots(
            { ...config, changes: { ...config.changes, allowWithoutPersistence: true } },
            'prod',
            snapshotsTo(folder),
          ),
          'lost',
          snapshotsTo(folder, { encryption: { key: otherKey, oldKeys: [] } }),
        ),
        'bucket',
        snapshotsConfig.parse({ to: { s3: { ...s3.settings, prefix: 'team/etcd' } }, encryption: { key: testKey } }),
      ),
  });
});
afterAll(async () => {
  process.env.PATH = path;
  await conversation.stop();
  await Promise.all([redis.stop(), etcd.stop(), s3.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

/** What a thread shows. */
const shown = ({ ts }: { readonly ts: string }) => conversation.slack.threadText(conversation.channel, ts);

describe('snapshots in Slack', () => {
  test('where there is none it says so, and how to come to one', async () => {
    const thread = await conversation.ask('/etcd snapshots --cluster prod', conversation.bob);
    expect(thread.text).toBe(`prod: no good snapshot in ${folder}/prod`);
    expect(shown(thread)).toContain('Do: Take one: `/etcd snapshot`.');
  });

  test('one is taken for an operator, into a file of the worker’s own, and nothing of it comes to Slack', async () => {
    const { ask, slack } = conversation;
    const thread = await ask('/etcd snapshot --cluster prod');
    expect(thread.text).toBe('prod: snapshot taken and verified, 20 KiB from etcd-1, encrypted');
    expect(shown(thread)).toMatch(/quorum snapshot decrypt \S+\.db\.sealed prod\.db/);
    const files = readdirSync(join(folder, 'prod'));
    expect(files.map((name) => name.replace(/^\d{8}T\d{6}Z-[0-9a-f]{8}/, '<name>')).sort()).toEqual([
      '<name>.db.sealed',
      '<name>.json',
    ]);
    for (const name of files) expect(statSync(join(folder, 'prod', name)).mode & 0o777).toBe(0o600);
    expect(JSON.stringify(slack.channel(conversation.channel))).not.toMatch(/hunter2|db-pass/);
  });

  test('to a viewer none is given', async () => {
    const { slack, channel, bob } = conversation;
    await slack.slash(bob.id, channel, '/etcd snapshot --cluster prod');
    await slack.waitFor(() => slack.ephemerals(bob.id, channel).length > 0);
    expect(JSON.stringify(slack.ephemerals(bob.id, channel))).toContain('You need the role operator for this');
  });

  test('they are listed with their age, read again, and restored into a scratch member', async () => {
    const { ask, bob } = conversation;
    expect((await ask('/etcd snapshots --cluster prod', bob)).text).toMatch(
      /^prod: 1 snapshot, the last good one \d+ s old$/,
    );
    expect((await ask('/etcd snapshot verify latest --cluster prod')).text).toMatch(
      /^prod: \S+ is whole: read, decrypted, and its sha256 is right$/,
    );
    expect((await ask('/etcd snapshot drill --cluster prod')).text).toMatch(
      /^prod: \S+ restores: 2 keys at revision \d+, all as in it, in /,
    );
    expect(shown(await ask('/etcd snapshots --cluster prod', bob))).toMatch(/restored \d+ s ago/);
  });

  test('a wrong key is told by the snapshot that it does not open, and by both keys', async () => {
    cpSync(join(folder, 'prod'), join(folder, 'lost'), { recursive: true });
    for (const line of ['/etcd snapshot verify latest --cluster lost', '/etcd snapshot drill --cluster lost']) {
      const thread = await conversation.ask(line);
      expect(thread.text).toMatch(
        /^\d{8}T\d{6}Z-[0-9a-f]{8} cannot be read\. It is encrypted with the key 0413cfac, and the configured one is aafb3c81\.$/,
      );
      expect(shown(thread)).toContain('Put the key 0413cfac under snapshots.encryption.oldKeys in quorum.yaml.');
    }
  });

  test('a bucket that is forbidden is told with what to grant, and nothing is left in it', async () => {
    for (const line of ['/etcd snapshot --cluster bucket', '/etcd snapshots --cluster bucket']) {
      s3.refuse(/./, 403, 100);
      const thread = await conversation.ask(line);
      expect(thread.text).toBe('The bucket backups forbids to list what is in it (AccessDenied).');
      expect(shown(thread)).toContain('Grant test-access s3:ListBucket');
      expect(shown(thread)).toContain('s3:AbortMultipartUpload on backups/team/etcd/bucket/*');
    }
    expect([s3.objects.size, s3.uploads.size]).toEqual([0, 0]);
  });

  test.each([
    ['/etcd snapshot verify 2019 --cluster prod', 'There is no snapshot “2019”.', 'Name one of these, or latest.'],
    [
      '/etcd snapshot --cluster bare',
      'No place for snapshots of bare is configured.',
      'Add etcd.clusters.bare.snapshots to quorum.yaml',
    ],
  ])('%s: %s', async (line, verdict, advice) => {
    const thread = await conversation.ask(line);
    expect(thread.text).toBe(verdict);
    expect(shown(thread)).toContain(advice);
  });
});

describe('a prefix', () => {
  test.each(['/etcd keys "" --cluster prod', '/etcd keys --cluster prod'])(
    'that is empty is all keys: %s',
    async (line) => {
      expect((await conversation.ask(line)).text).toMatch(/^prod: 2 keys, 63 bytes; /);
    },
  );

  test.each([
    ['/etcd keys /nowhere/ --cluster prod', 'No key of prod begins with `/nowhere/`.'],
    [
      '/etcd keys /registri/pods/ --cluster prod',
      'No key of prod begins with `/registri/pods/`; nearest: `/registry/`.',
    ],
    ['/etcd keys \u0001\u0002\ufffd --cluster prod', 'No key of prod begins with `\\x01\\x02\\xef\\xbf\\xbd`.'],
    ["/etcd keys '\\xfe\\x00' --cluster prod", 'No key of prod begins with `\\xfe\\x00`.'],
  ])('that is unknown or binary is told as it was understood: %s', async (line, verdict) => {
    expect((await conversation.ask(line)).text).toBe(verdict);
  });
});

describe('a member', () => {
  const nothing = /^Nothing to do: etcd-1 has \d+ KiB free inside of \d+ KiB\.$/;

  test('is found by its name, and by its id in hexadecimal and in decimal', async () => {
    const id = await memberId();
    for (const word of ['etcd-1', id, `0x${id}`, id.toUpperCase(), BigInt(`0x${id}`).toString()])
      expect((await conversation.ask(`/etcd defrag ${word} --cluster prod`)).text).toMatch(nothing);
  });

  test.each([
    ['etcd-2', 'prod has no member etcd-2; did you mean etcd-1?'],
    ['8e9e05c52164694d', 'prod has no member 8e9e05c52164694d.'],
    ['18446744073709551616', 'prod has no member 18446744073709551616.'],
  ])('that there is none of is told: %s', async (word, verdict) => {
    const thread = await conversation.ask(`/etcd defrag ${word} --cluster prod`);
    expect(thread.text).toBe(verdict);
    expect(shown(thread)).toContain('/etcd members lists');
  });
});

async function memberId(): Promise<string> {
  const { stdout } = await etcd.etcdctl(['member', 'list']);
  return stdout.split(',')[0]?.trim() ?? '';
}
