import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { verifyAudit } from '../../src/audit.ts';
import { cancel } from '../../src/change.ts';
import { isEnded } from '../../src/change-record.ts';
import { connectChanges } from '../../src/redis/change-client.ts';
import { type Conversation, type ConversationOptions, startConversation } from '../support/conversation.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import type { Person, Thread } from '../support/slack/model.ts';

let redis: RedisServer;
let etcd: EtcdTestCluster;
let conversations = 0;
let conversation: Conversation | undefined;

beforeAll(async () => {
  [redis, etcd] = await Promise.all([startRedis({ appendonly: true, own: true }), startEtcd({ own: true })]);
}, 30_000);

afterEach(async () => {
  await conversation?.stop();
  conversation = undefined;
});

afterAll(async () => {
  await Promise.all([redis.stop(), etcd.stop()]);
});

/** A change that waits: its thread, its id, and where its buttons are. */
type AskedFor = { readonly thread: Thread; readonly id: string; readonly buttonsTs: string };

type Room = Conversation & {
  /** Asks for a change and waits for its buttons. */
  asks(line: string, who?: Person): Promise<AskedFor>;
  approves(change: AskedFor, who: Person): Promise<void>;
  /** The thread once the change has ended and said so. */
  ended(id: string): Promise<string>;
  changes: ReturnType<typeof connectChanges>;
};

/** Ann may ask, Bob and Cat may approve. */
async function begin(
  options: Partial<ConversationOptions> & { approvals?: Partial<Conversation['config']['access']['approvals']> } = {},
): Promise<Room & { cat: Person }> {
  const prefix = `${redis.prefix}-change-${conversations++}`;
  const defaults = { required: 1, expiresIn: 60_000, startWithin: 60_000, allowSelfApproval: false, escalate: [] };
  const talk = await startConversation({
    redisUrl: redis.url,
    prefix,
    etcd: { prod: etcd },
    access: { operators: ['U0ANN'], approvers: ['U0BOB', 'U0CAT'], approvals: { ...defaults, ...options.approvals } },
    people: { ann: 'U0ANN', bob: 'U0BOB' },
    ...options,
  });
  const cat = talk.slack.addUser({ id: 'U0CAT', name: 'cat' });
  talk.slack.invite(talk.channel, cat.id);
  const changes = connectChanges(
    { url: redis.url, prefix },
    () => {},
    () => {},
  );
  const room: Room & { cat: Person } = {
    ...talk,
    cat,
    changes,
    async stop() {
      await changes.close();
      await talk.stop();
    },
    async asks(line, who = talk.ann) {
      const { status, shown } = await talk.slack.slash(who.id, talk.channel, line);
      expect([status, shown]).toEqual(['ok', null]);
      const thread = await talk.slack.waitFor(
        () => talk.slack.channel(talk.channel).find((each) => JSON.stringify(each.replies).includes('change-approve')),
        { what: 'buttons' },
      );
      const [record] = await changes.open();
      const message = thread.replies.find(({ blocks }) => JSON.stringify(blocks).includes('change-approve'));
      return { thread, id: record?.id ?? '', buttonsTs: message?.ts ?? '' };
    },
    async approves({ id, buttonsTs }, who) {
      await talk.slack.click(who.id, talk.channel, buttonsTs, 'change-approve', id);
    },
    async ended(id) {
      await waitFor(
        'the end of the change',
        async () => {
          const record = await changes.read(id);
          return record !== undefined && isEnded(record);
        },
        { timeoutMs: 15_000 },
      );
      const thread = await talk.slack.waitFor(
        () =>
          talk.slack.channel(talk.channel).find(({ replies }) => replies.some(({ text }) => /^<@U0ANN> /.test(text))),
        { what: 'the end in the thread' },
      );
      return talk.slack.threadText(talk.channel, thread.ts);
    },
  };
  conversation = room;
  return room;
}

const leaderOf = async () =>
  JSON.parse((await etcd.etcdctl(['endpoint', 'status', '-w', 'json'])).stdout)[0].Status.leader;

describe('a change is asked for by one person and approved by another', () => {
  test('the leader moves, and the thread tells what was done', async () => {
    const room = await begin();
    const before = await leaderOf();
    const asked = await room.asks('/etcd move-leader');
    const text = room.slack.threadText(room.channel, asked.thread.ts);
    expect(text).toContain('Approval needed (0 of 1): move the leadership of prod away from');
    expect(text).toContain('asked by @ann');
    await room.approves(asked, room.bob);
    const end = await room.ended(asked.id);
    expect(end).toContain('Done: move the leadership of prod');
    expect(end).toContain('approved by @bob');
    expect(end).toContain('@ann Done');
    expect(JSON.stringify(room.slack.thread(room.channel, asked.thread.ts))).not.toContain('change-approve');
    expect(await leaderOf()).not.toBe(before);
    expect(room.slack.channel(room.channel)).toHaveLength(1);
  });

  test('whoever asked may not approve, nor may a viewer; both are told, and it is audited', async () => {
    const room = await begin();
    const eve = room.slack.addUser({ name: 'eve' });
    room.slack.invite(room.channel, eve.id);
    const asked = await room.asks('/etcd move-leader');
    await room.approves(asked, eve);
    const [toEve] = await room.slack.waitFor(
      () => room.slack.ephemerals(eve.id, room.channel).length > 0 && room.slack.ephemerals(eve.id, room.channel),
    );
    expect(toEve?.text).toBe('You need the role approver for this, and you do not have it.');
    const ids = (await auditOf(room)).map(({ action, actor }) => [actor, action]);
    expect(ids).toEqual([
      ['U0ANN', 'requested'],
      [eve.id, 'approve refused'],
    ]);
    expect((await room.changes.read(asked.id))?.state).toBe('proposed');
  });

  test('a denial carries its reason, and nothing is changed', async () => {
    const room = await begin();
    const before = await leaderOf();
    const asked = await room.asks('/etcd move-leader');
    await room.slack.click(room.bob.id, room.channel, asked.buttonsTs, 'change-deny', asked.id);
    const [view] = await room.slack.waitFor(
      () => room.slack.views(room.bob.id).length > 0 && room.slack.views(room.bob.id),
    );
    await room.slack.submitView(room.bob.id, view?.id ?? '', { reason: 'not during the sale' });
    const end = await room.ended(asked.id);
    expect(end).toContain('Denied: not during the sale. Nothing was changed.');
    expect(await leaderOf()).toBe(before);
  });

  test('50 clicks at once by several people are one execution', async () => {
    const room = await begin({ approvals: { required: 2 } });
    const asked = await room.asks('/etcd move-leader');
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => room.approves(asked, index % 2 === 0 ? room.bob : room.cat)),
    );
    await room.ended(asked.id);
    const actions = (await auditOf(room)).map(({ action }) => action);
    expect(actions.filter((action) => action === 'approved')).toHaveLength(2);
    expect(actions.filter((action) => action === 'started')).toHaveLength(1);
    expect(actions.filter((action) => action === 'done')).toHaveLength(1);
  });

  test('one that nobody approves in time expires, and its buttons go', async () => {
    const room = await begin({ approvals: { expiresIn: 300 } });
    const asked = await room.asks('/etcd move-leader');
    const record = await room.changes.read(asked.id);
    await waitFor('its time', () => Date.now() > (record?.expiresAt ?? 0));
    await room.approves(asked, room.bob);
    const [told] = await room.slack.waitFor(
      () =>
        room.slack.ephemerals(room.bob.id, room.channel).length > 0 && room.slack.ephemerals(room.bob.id, room.channel),
    );
    expect(told?.text).toMatch(/^This expired .* ago\.$/);
  });

  test('one that was cancelled loses its buttons', async () => {
    const room = await begin();
    const asked = await room.asks('/etcd move-leader');
    const cancelled = await room.ask(`/ops cancel ${asked.id}`);
    expect(cancelled.text).toContain('Cancelled: move the leadership of prod');
    expect(await room.ended(asked.id)).toContain('Cancelled before it began. Nothing was changed.');
    expect(JSON.stringify(room.slack.thread(room.channel, asked.thread.ts))).not.toContain('change-approve');
  });

  test('a click that comes after the end, from a button that was still there, does nothing', async () => {
    const room = await begin();
    const asked = await room.asks('/etcd move-leader');
    await room.changes.transition(asked.id, (record) => cancel(record, room.ann.id, Date.now()));
    await room.approves(asked, room.bob);
    const [told] = await room.slack.waitFor(
      () =>
        room.slack.ephemerals(room.bob.id, room.channel).length > 0 && room.slack.ephemerals(room.bob.id, room.channel),
    );
    expect(told?.text).toBe('This has been decided: it is cancelled.');
  });
});

describe('the way back', () => {
  test('is one click in the thread, and a change of its own that somebody has to approve', async () => {
    const room = await begin();
    const before = await leaderOf();
    const asked = await room.asks('/etcd move-leader');
    await room.approves(asked, room.bob);
    await room.ended(asked.id);
    const thread = room.slack.thread(room.channel, asked.thread.ts);
    const end = thread.replies.find(({ blocks }) => JSON.stringify(blocks).includes('change-undo'));
    expect(JSON.stringify(end?.blocks)).toMatch(/Make etcd-\d the leader again/);
    const eve = room.slack.addUser({ name: 'eve' });
    room.slack.invite(room.channel, eve.id);
    await room.slack.click(eve.id, room.channel, end?.ts ?? '', 'change-undo', asked.id);
    const [toEve] = await room.slack.waitFor(
      () => room.slack.ephemerals(eve.id, room.channel).length > 0 && room.slack.ephemerals(eve.id, room.channel),
    );
    expect(toEve?.text).toBe('You need the role operator for this, and you do not have it.');
    await room.slack.click(room.ann.id, room.channel, end?.ts ?? '', 'change-undo', asked.id);
    const undo = await waitFor('the buttons of the way back', async () => {
      const [record] = await room.changes.open();
      const message = room.slack
        .thread(room.channel, asked.thread.ts)
        .replies.find(({ blocks }) => record !== undefined && JSON.stringify(blocks).includes('change-approve'));
      return record !== undefined && message !== undefined && { record, ts: message.ts };
    });
    expect(undo.record).toMatchObject({ requester: 'U0ANN', reason: `takes back ${asked.id}`, state: 'proposed' });
    await room.slack.click(room.bob.id, room.channel, undo.ts, 'change-approve', undo.record.id);
    await waitFor('the leader of before', async () => (await leaderOf()) === before);
    // All of it in the one thread.
    expect(room.slack.channel(room.channel)).toHaveLength(1);
  });
});

describe('approvers are messaged', () => {
  test('each on their own, with a link to the thread, and told once how it was decided', async () => {
    const room = await begin();
    const asked = await room.asks('/etcd move-leader');
    const direct = room.slack.openDirectMessage(room.cat.id).id;
    const [message] = await room.slack.waitFor(
      () => room.slack.channel(direct).length > 0 && room.slack.channel(direct),
    );
    expect(message?.text).toContain('Approval needed (0 of 1): move the leadership of prod');
    expect(JSON.stringify(message?.blocks)).toContain(`archives/${room.channel}/p`);
    expect(JSON.stringify(message?.blocks)).not.toContain('change-approve');
    await room.approves(asked, room.bob);
    await room.ended(asked.id);
    const [after, ...more] = await room.slack.waitFor(() => {
      const told = room.slack.channel(direct);
      return told[0]?.text.startsWith('Decided') === true && told;
    });
    expect(after?.text).toMatch(/^Decided \(approved\): move the leadership of prod/);
    expect(more).toEqual([]);
    // Whoever asked is not asked to approve.
    expect(room.slack.channel(room.slack.openDirectMessage(room.ann.id).id)).toEqual([]);
  });
});

describe('/etcd add, typed alone', () => {
  test('opens a form, and what is filled in is a command like any other', async () => {
    const room = await begin();
    await room.slack.slash(room.ann.id, room.channel, '/etcd add');
    const [view] = await room.slack.waitFor(
      () => room.slack.views(room.ann.id).length > 0 && room.slack.views(room.ann.id),
    );
    const submitted = await room.slack.submitView(room.ann.id, view?.id ?? '', {
      name: 'etcd-1',
      peers: 'https://127.0.0.1:2380',
    });
    expect(submitted.outcome).toBe('closed');
    const thread = await room.slack.waitFor(() =>
      room.slack.channel(room.channel).find(({ replies }) => replies.length > 0),
    );
    // The name is taken, so there is nothing to approve.
    expect(thread.text).toContain('Not possible now');
    expect(JSON.stringify(thread)).not.toContain('change-approve');
    expect(room.slack.threadText(room.channel, thread.ts)).toContain('/etcd add');
  });

  test('a viewer gets no form', async () => {
    const room = await begin();
    const eve = room.slack.addUser({ name: 'eve' });
    room.slack.invite(room.channel, eve.id);
    const { shown } = await room.slack.slash(eve.id, room.channel, '/etcd add');
    expect(shown?.text).toBe('You need the role operator for this, and you do not have it.');
    expect(room.slack.views(eve.id)).toEqual([]);
  });

  test('a private key that is given as the certificate is refused, and published nowhere', async () => {
    const room = await begin();
    const key =
      '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n';
    const { id } = room.slack.uploadFile(room.ann.id, { name: 'peer.pem', content: key });
    await room.slack.slash(room.ann.id, room.channel, '/etcd add');
    const [view] = await room.slack.waitFor(
      () => room.slack.views(room.ann.id).length > 0 && room.slack.views(room.ann.id),
    );
    const submitted = await room.slack.submitView(room.ann.id, view?.id ?? '', {
      name: 'etcd-9',
      peers: 'https://127.0.0.1:2999',
      cert: [id],
    });
    expect(submitted.outcome).toBe('errors');
    expect(JSON.stringify(submitted.errors)).toMatch(/private key/i);

    const typed = await room.slack.slash(
      room.ann.id,
      room.channel,
      `/etcd add etcd-9 https://127.0.0.1:2999 --cert='${key}'`,
    );
    expect(typed.shown?.text).toMatch(/private key/i);
    // One word, as it is pasted from a file whose line ends were lost.
    const flat = key.replaceAll('\n', '');
    const pasted = await room.slack.slash(
      room.ann.id,
      room.channel,
      `/etcd add etcd-9 https://127.0.0.1:2999 --cert='${flat}'`,
    );
    expect(pasted.shown?.text).toMatch(/private key/i);
    const misplaced = await room.slack.slash(room.ann.id, room.channel, `/etcd add -- '${key}' https://127.0.0.1:2999`);
    expect(misplaced.shown?.text).toMatch(/private key/i);

    const everything = JSON.stringify([
      room.slack.channel(room.channel),
      room.logged,
      submitted,
      typed,
      pasted,
      misplaced,
    ]);
    expect(everything).not.toContain('MIGHAgEAMBMGByqGSM49');
    expect(await storedIn(room)).not.toContain('MIGHAgEAMBMGByqGSM49');
  });

  test('a megabyte given as the certificate is refused', async () => {
    const room = await begin();
    const { id } = room.slack.uploadFile(room.ann.id, { name: 'peer.pem', content: 'x'.repeat(1024 * 1024) });
    await room.slack.slash(room.ann.id, room.channel, '/etcd add');
    const [view] = await room.slack.waitFor(
      () => room.slack.views(room.ann.id).length > 0 && room.slack.views(room.ann.id),
    );
    const submitted = await room.slack.submitView(room.ann.id, view?.id ?? '', {
      name: 'etcd-9',
      peers: 'https://127.0.0.1:2999',
      cert: [id],
    });
    expect(submitted.outcome).toBe('errors');
    expect(JSON.stringify(submitted.errors)).toMatch(/peer\.pem has 1048576 bytes; at most \d+ are read/);
    expect((await storedIn(room)).length).toBeLessThan(200_000);
  });
});

/** Every value that is kept in Redis, of whatever type. */
async function storedIn(room: Room): Promise<string> {
  const client = new Redis(redis.url);
  try {
    const keys = await client.keys(`${room.config.redis.prefix}*`);
    expect(keys.length).toBeGreaterThan(0);
    const read: Readonly<Record<string, (name: string) => Promise<unknown>>> = {
      string: (name) => client.get(name),
      list: (name) => client.lrange(name, 0, -1),
      set: (name) => client.smembers(name),
      zset: (name) => client.zrange(name, '0', '-1'),
      hash: (name) => client.hgetall(name),
      stream: (name) => client.xrange(name, '-', '+'),
    };
    const values = await Promise.all(
      keys.map(async (name: string) => {
        const reader = read[await client.type(name)];
        if (reader === undefined) throw new Error(`${name} is of an unknown type`);
        return [name, await reader(name)];
      }),
    );
    return JSON.stringify(values);
  } finally {
    client.disconnect();
  }
}

describe('what is refused from the start', () => {
  test('a change asked for by a viewer', async () => {
    const room = await begin();
    const { shown } = await room.slack.slash(room.bob.id, room.channel, '/etcd move-leader');
    // An approver may ask too; a plain viewer may not.
    expect(shown).toBeNull();
    const eve = room.slack.addUser({ name: 'eve' });
    room.slack.invite(room.channel, eve.id);
    const { shown: toEve } = await room.slack.slash(eve.id, room.channel, '/etcd move-leader');
    expect(toEve?.text).toBe('You need the role operator for this, and you do not have it.');
    expect((await auditOf(room)).map(({ actor, action }) => [actor, action])).toContainEqual([eve.id, 'refused']);
  });

  test('any change, where nobody may approve', async () => {
    const room = await begin({ access: { operators: ['U0ANN'], approvers: [] } });
    const thread = await room.ask('/etcd move-leader');
    expect(thread.text).toBe('Nobody may approve changes here, so none can be asked for.');
  });

  test('any change, in a channel shared with another organisation', async () => {
    const room = await begin();
    const partners = room.slack.addChannel({
      name: 'partners',
      members: [room.ann.id],
      botIsMember: true,
      isExtShared: true,
    }).id;
    await room.slack.slash(room.ann.id, partners, '/etcd move-leader');
    const [told] = await room.slack.waitFor(
      () => room.slack.ephemerals(room.ann.id, partners).length > 0 && room.slack.ephemerals(room.ann.id, partners),
    );
    expect(told?.text).toContain('Changes are not taken here');
  });
});

test('the audit is a chain, and a changed entry is found', async () => {
  const room = await begin();
  const asked = await room.asks('/etcd move-leader');
  await room.approves(asked, room.bob);
  await room.ended(asked.id);
  expect(await verifyAudit(room.changes.audit())).toMatchObject({ kind: 'whole', head: { number: 6 } });
  const raw = new Redis(redis.url);
  const key = `${room.config.redis.prefix}:audit`;
  await raw.lset(key, 1, ((await raw.lindex(key, 1)) ?? '').replace('U0BOB', 'U0CAT'));
  raw.disconnect();
  expect(await verifyAudit(room.changes.audit())).toEqual({
    kind: 'broken',
    number: 2,
    why: 'it was changed after it was written',
  });
});

async function auditOf({ changes }: Pick<Room, 'changes'>) {
  const entries: { actor: string; action: string }[] = [];
  for await (const page of changes.audit()) entries.push(...page.map((text) => JSON.parse(text)));
  return entries;
}
