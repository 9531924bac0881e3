import { describe, expect, test } from '@jest/globals';
import { beyondKeeping, findSnapshot, lastGood } from '../../src/snapshot/catalogue.ts';
import type { SnapshotFacts } from '../../src/snapshot/facts.ts';
import { factsOn } from '../support/snapshots.ts';

const now = new Date('2026-11-29T12:00:00Z');
const catalogueOf = (...snapshots: SnapshotFacts[]) => ({
  snapshots: snapshots.sort((a, b) => (a.name < b.name ? 1 : -1)),
  strays: [],
  broken: [],
});
const damaged = { lastRead: { at: '2026-11-29T00:00:00Z', damage: 'its sha256 is not the one in its trailer' } };

describe('what goes', () => {
  const gone = (keep: { last: number; days: number }, ...snapshots: SnapshotFacts[]) =>
    beyondKeeping(catalogueOf(...snapshots), keep, now).map(({ startedAt }) => startedAt.slice(8, 10));

  test('nothing within both limits', () => {
    expect(gone({ last: 3, days: 30 }, factsOn(26), factsOn(27), factsOn(28))).toEqual([]);
  });

  test('what is more than the number', () => {
    expect(gone({ last: 2, days: 30 }, factsOn(25), factsOn(26), factsOn(27), factsOn(28))).toEqual(['26', '25']);
  });

  test('what is older than the days', () => {
    expect(gone({ last: 9, days: 2 }, factsOn(25), factsOn(26), factsOn(28))).toEqual(['26', '25']);
  });

  test('never the last good one, however old it is', () => {
    expect(gone({ last: 1, days: 2 }, factsOn(1), factsOn(2))).toEqual(['01']);
  });

  test('the last good one is not the last, where that is damaged', () => {
    expect(gone({ last: 1, days: 2 }, factsOn(1), factsOn(2), factsOn(28, damaged))).toEqual(['01']);
  });

  test('a damaged one stays to be looked at until its days are over, and takes nobody’s place', () => {
    expect(gone({ last: 2, days: 2 }, factsOn(20, damaged), factsOn(27), factsOn(28), factsOn(29, damaged))).toEqual([
      '27',
      '20',
    ]);
    expect(gone({ last: 2, days: 9 }, factsOn(26), factsOn(27, damaged), factsOn(28))).toEqual([]);
  });

  test('of an older cluster of the same name too the last good one stays', () => {
    const older = { clusterId: 'c0' };
    expect(gone({ last: 1, days: 2 }, factsOn(1, older), factsOn(2, older), factsOn(28))).toEqual(['01']);
  });
});

test('a snapshot of another cluster of this name is no last good one', () => {
  const catalogue = catalogueOf(factsOn(20), factsOn(27, { clusterId: 'c0' }), factsOn(21, damaged));
  expect(lastGood(catalogue, 'c1')?.startedAt).toBe('2026-11-20T03:00:00.000Z');
  expect(lastGood(catalogue, 'c9')).toBeUndefined();
});

describe('which one is meant', () => {
  const catalogue = catalogueOf(factsOn(26), factsOn(27), factsOn(28));

  test.each([
    ['latest', '20261128T030000Z-00000008'],
    ['20261127T030000Z-00000007', '20261127T030000Z-00000007'],
    ['20261126', '20261126T030000Z-00000006'],
  ])('%s', (word, name) => {
    expect(findSnapshot(catalogue, word).name).toBe(name);
  });

  test.each([
    ['202611', '“202611” is a part of 3 names.'],
    [
      '20261127T030000Z-00000009',
      'There is no snapshot “20261127T030000Z-00000009”; did you mean `20261127T030000Z-00000007`?',
    ],
    ['../../etc/passwd', 'There is no snapshot “../../etc/passwd”.'],
  ])('%s is refused', (word, message) => {
    expect(() => findSnapshot(catalogue, word)).toThrow(message);
  });

  test('without a snapshot there is none to name', () => {
    expect(() => findSnapshot(catalogueOf(), 'latest')).toThrow('There is no snapshot of this cluster yet.');
  });
});
