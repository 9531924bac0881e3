import { describe, expect, test } from '@jest/globals';
import type { ChannelChoice } from '../../src/incident/routing.ts';
import { watchReport } from '../../src/watch/watch-report.ts';

const now = new Date('2026-11-29T10:00:00Z');
const rules = [{ namespaces: [], labels: {}, annotations: {}, channel: 'C0OPS' }];
const standings = [{ cluster: 'prod', namespace: null, worker: 'w', since: 0, pods: 3, trouble: null }];

function chose(channelId: string, namespace: string | null, minute: number): ChannelChoice {
  return { channelId, cluster: 'prod', namespace, isOn: true, by: 'U0ANN', at: now.getTime() + minute * 60_000 };
}

/** As the store gives them: the latest first. */
function summary(channelId: string, ...choices: readonly ChannelChoice[]): string {
  const latestFirst = [...choices].sort((a, b) => b.at - a.at);
  return watchReport({ clusters: ['prod'], standings, rules, choices: latestFirst, channelId, now }).summary;
}

describe('what a channel is said to hear of', () => {
  test('is what it chose', () => {
    expect(summary('C0A', chose('C0A', 'shop', 1))).toContain('This channel hears of shop of prod.');
  });

  test('is not what another channel chose after it', () => {
    const both = [chose('C0A', 'shop', 1), chose('C0B', 'shop', 2)];
    expect(summary('C0A', ...both)).toContain('This channel hears of nothing; C0B chose shop of prod after it.');
    expect(summary('C0B', ...both)).toContain('This channel hears of shop of prod.');
    expect(summary('C0A', ...both, chose('C0A', 'pay', 3))).toContain(
      'This channel hears of pay of prod; C0B chose shop of prod after it.',
    );
  });
});
