import { expect, test } from '@jest/globals';
import { Pace } from '../../../src/etcd/keys/pace.ts';

/** What the walk rests in all for so many pages of 2,000 keys, as a share of what they took. */
function restShare(pace: Pace, pageMs: number, pages: number): number {
  let restMs = 0;
  for (let page = 0; page < pages; page += 1) restMs += pace.restMs(pageMs, 2000);
  return restMs / (pageMs * pages);
}

test('a member that answers as quickly as ever rests a twentieth of the time', () => {
  expect(restShare(new Pace(), 10, 1000)).toBeCloseTo(0.05, 2);
});

test('where it has become slower than three times that, it rests half as long as each page takes, until it is quick again', () => {
  const pace = new Pace();
  restShare(pace, 10, 100);
  restShare(pace, 60, 20);
  expect(restShare(pace, 60, 30)).toBeCloseTo(0.5, 1);
  restShare(pace, 12, 30);
  expect(restShare(pace, 12, 100)).toBeCloseTo(0.05, 2);
});

test('one slow page among many is chance', () => {
  const pace = new Pace();
  restShare(pace, 10, 100);
  restShare(pace, 100, 1);
  expect(restShare(pace, 10, 80)).toBeLessThan(0.2);
});

test('a page of a quarter of a second is slow, whatever was before', () => {
  expect(restShare(new Pace(), 300, 10)).toBe(0.5);
});

test('rests shorter than a timer knows are taken together', () => {
  const pace = new Pace();
  const rests = Array.from({ length: 20 }, () => pace.restMs(16, 1000));
  expect(rests.filter((restMs) => restMs > 0)).toHaveLength(4);
});
