import { describe, expect, test } from '@jest/globals';
import type { MemberClient } from '../../src/etcd/member-client.ts';
import { ClusterToken } from '../../src/etcd/token-client.ts';

const auth = { username: 'root', password: 'secret' };

/** A member that gives out token-1, token-2, … */
function giver(): MemberClient & { readonly given: string[] } {
  const given: string[] = [];
  const unused = () => Promise.reject(new Error('not asked for'));
  return {
    endpoint: 'https://10.0.0.1:2379',
    given,
    status: unused,
    memberList: unused,
    memberListAgreed: unused,
    memberAdd: unused,
    memberPromote: unused,
    memberRemove: unused,
    moveLeader: unused,
    compact: unused,
    defragment: unused,
    disarmNoSpace: unused,
    put: unused,
    read: unused,
    remove: unused,
    alarms: unused,
    call: unused,
    authenticate: async () => {
      given.push(`token-${given.length + 1}`);
      return given.at(-1) ?? '';
    },
    snapshot: () => {
      throw new Error('not asked for');
    },
    isConnected: () => true,
    close() {},
  };
}

describe("a cluster's token", () => {
  test('is got once for all who need it', async () => {
    const member = giver();
    const token = new ClusterToken(auth, 1000, () => [member]);
    await Promise.all([token.ensure(), token.ensure()]);
    await token.ensure();
    expect({ current: token.current, given: member.given }).toEqual({ current: 'token-1', given: ['token-1'] });
  });

  test('is renewed when a member no longer knows it, and the refused call is made once more', async () => {
    const member = giver();
    const token = new ClusterToken(auth, 1000, () => [member]);
    await token.ensure();
    const used: (string | undefined)[] = [];
    const answer = await token.carry(async () => {
      used.push(token.current);
      if (token.current === 'token-1') throw new Error('16 UNAUTHENTICATED: etcdserver: invalid auth token');
      return 'done';
    });
    expect({ answer, used }).toEqual({ answer: 'done', used: ['token-1', 'token-2'] });
  });

  test('does not make another failed call twice', async () => {
    const token = new ClusterToken(auth, 1000, () => [giver()]);
    await token.ensure();
    let calls = 0;
    const failing = token.carry(async () => {
      calls += 1;
      throw new Error('14 UNAVAILABLE: etcdserver: request timed out');
    });
    await expect(failing).rejects.toThrow('request timed out');
    expect(calls).toBe(1);
  });

  test('is not asked for again soon where authentication is off', async () => {
    let asked = 0;
    const member = {
      ...giver(),
      authenticate: async () => {
        asked += 1;
        throw new Error('9 FAILED_PRECONDITION: etcdserver: authentication is not enabled');
      },
    };
    const token = new ClusterToken(auth, 1000, () => [member]);
    expect((await token.ensure())?.kind).toBe('auth-disabled');
    expect((await token.ensure())?.kind).toBe('auth-disabled');
    expect(asked).toBe(1);
  });

  test('is not needed without a user', async () => {
    const token = new ClusterToken(undefined, 1000, () => []);
    expect(await token.ensure()).toBeUndefined();
  });
});
