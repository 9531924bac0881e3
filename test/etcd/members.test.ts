import { describe, expect, test } from '@jest/globals';
import { reportMembers } from '../../src/etcd/members.ts';
import { failed, seenAt, seenCluster } from '../support/etcd-seen.ts';

const refusedPort = failed('closed-port', '14 UNAVAILABLE: connect ECONNREFUSED 10.0.0.3:2379');

describe('the members of a cluster', () => {
  test('are listed with ids, URLs and the arithmetic of the quorum', () => {
    const { verdict, summary, data, sections } = reportMembers(seenCluster(), seenAt);
    expect({ verdict, summary }).toEqual({
      verdict: 'ok',
      summary: 'prod: 3 voters, 2 needed, 3 working: 1 more may be lost',
    });
    expect(data).toMatchObject({ clusterId: 'c1', quorum: { voters: 3, needed: 2, canLose: 1 } });
    expect((data.members as unknown[])[0]).toEqual({
      id: 'a1',
      name: 'etcd-1',
      peerURLs: ['https://10.0.0.1:2380'],
      clientURLs: ['https://10.0.0.1:2379'],
      isLearner: false,
      started: true,
    });
    expect(sections[0]).toMatchObject({
      title: 'Members, all https',
      columns: ['Member', 'Id', 'Client', 'Peer'],
      rows: [
        ['etcd-1', 'a1', '10.0.0.1:2379', '10.0.0.1:2380'],
        ['etcd-2 (leader)', 'a2', '10.0.0.2:2379', '10.0.0.2:2380'],
        ['etcd-3', 'a3', '10.0.0.3:2379', '10.0.0.3:2380'],
      ],
    });
  });

  test('a learner is counted apart', () => {
    const { verdict, summary } = reportMembers(seenCluster({ 'etcd-4': { isLearner: true } }), seenAt);
    expect({ verdict, summary }).toEqual({
      verdict: 'ok',
      summary: 'prod: 3 voters, 2 needed, 3 working: 1 more may be lost, 1 learner',
    });
  });

  test('one that never started is told, with its place in the quorum', () => {
    const { verdict, summary, data } = reportMembers(seenCluster({ a4: { neverStarted: true } }), seenAt);
    expect({ verdict, summary }).toEqual({
      verdict: 'findings',
      summary: 'prod: 4 voters, 3 needed, 3 working: 0 more may be lost; a4 never started',
    });
    expect((data.members as unknown[])[0]).toEqual({
      id: 'a4',
      name: '',
      peerURLs: ['https://10.0.0.4:2380'],
      clientURLs: [],
      isLearner: false,
      started: false,
    });
  });

  test('one that does not answer is named, and health is pointed to', () => {
    const { verdict, summary, findings } = reportMembers(seenCluster({ 'etcd-3': { failure: refusedPort } }), seenAt);
    expect({ verdict, summary }).toEqual({
      verdict: 'findings',
      summary: 'prod: 3 voters, 2 needed, 2 working: 0 more may be lost; not working: etcd-3',
    });
    expect(findings[0]?.advice).toBe('`/etcd health` tells why and what to do.');
  });

  test('that nobody tells are not guessed', () => {
    const down = { failure: refusedPort };
    const seen = seenCluster({ 'etcd-1': down, 'etcd-2': down, 'etcd-3': down }, { members: null, alarms: null });
    const { verdict, summary, data } = reportMembers(seen, seenAt);
    expect({ verdict, summary }).toEqual({
      verdict: 'unknown',
      summary: 'prod: no endpoint could tell who the members are; all unreachable from here (port closed)',
    });
    expect(data).toEqual({ clusterId: null, quorum: { voters: 0, needed: 0, canLose: 0 }, members: [] });
  });

  test.each([
    ['no leader', null],
    ['a leader that it still believes in', 'a3'],
  ])('a quorum that is lost is critical, with the one arithmetic: %s', (_name, leaderId) => {
    const down = { failure: refusedPort };
    const seen = seenCluster(
      { 'etcd-1': down, 'etcd-2': down, 'etcd-3': { status: { leaderId } } },
      { alarms: null, alarmsFailure: failed('deadline', '4 DEADLINE_EXCEEDED', 4) },
    );
    const { summary, findings, sections } = reportMembers(seen, seenAt);
    expect(summary).toBe(`prod: 3 voters, 2 needed, 1 working: 1 too few, no writes; not working: etcd-1, etcd-2`);
    expect(findings.map(({ severity }) => severity)).toEqual(['critical', 'warning']);
    expect((sections[0] as { rows: readonly (readonly string[])[] }).rows.map(([name]) => name)).toEqual([
      'etcd-1 (no answer)',
      'etcd-2 (no answer)',
      leaderId === null ? 'etcd-3' : 'etcd-3 (leader)',
    ]);
  });

  test('whole URLs are shown where the schemes differ', () => {
    const seen = seenCluster();
    const members = seen.members?.map((member) =>
      member.id === 'a1' ? { ...member, clientUrls: ['http://10.0.0.1:2379'] } : member,
    );
    expect(reportMembers({ ...seen, members: members ?? null }, seenAt).sections[0]).toMatchObject({
      title: 'Members',
      rows: [['etcd-1', 'a1', 'http://10.0.0.1:2379', 'https://10.0.0.1:2380'], expect.anything(), expect.anything()],
    });
  });
});
