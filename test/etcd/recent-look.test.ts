import { expect, test } from '@jest/globals';
import { RecentLook } from '../../src/etcd/recent-look.ts';
import { seenCluster } from '../support/etcd-seen.ts';

const seen = seenCluster({});

test('a look is good for the moment in which the next step follows, and no longer', () => {
  const recent = new RecentLook();
  expect(recent.at(0)).toBeUndefined();
  recent.begin(1000)(seen);
  expect(recent.at(1060)).toBe(seen);
  expect(recent.at(1061)).toBeUndefined();
});

test('a look at a member that hung is old when it ends', () => {
  const recent = new RecentLook();
  const keep = recent.begin(0);
  keep(seen);
  expect(recent.at(1000)).toBeUndefined();
});

test('what was begun before a change of ours had ended is never given again', async () => {
  const recent = new RecentLook();
  recent.begin(0)(seen);
  let keepFromWithin: ReturnType<RecentLook['begin']> = () => {};
  await recent.changing(async () => {
    expect(recent.at(1)).toBeUndefined();
    keepFromWithin = recent.begin(1);
  });
  keepFromWithin(seen);
  expect(recent.at(2)).toBeUndefined();
  recent.begin(3)(seen);
  expect(recent.at(4)).toBe(seen);
});
