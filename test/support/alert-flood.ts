import type { Config } from '../../src/config.ts';
import { alertBody, alertsToken, firing, type PostedAlert, post, resolved } from './alerts.ts';
import { type Conversation, type ConversationOptions, startConversation } from './conversation.ts';
import { waitFor } from './process.ts';

/** How many alerts of how many groups. */
export type FloodShape = { readonly alerts: number; readonly groups: number };

/** A bot with one channel for all alerts, in a Slack that takes one message a second of each channel. */
export function startFlooded(
  redisUrl: string,
  prefix: string,
  more: Pick<ConversationOptions, 'halves'> = {},
): Promise<Conversation> {
  return startConversation({
    ...more,
    redisUrl,
    prefix,
    slack: { postsPerSecond: 1, methodLimits: 'slack' },
    channels: [{ id: floodChannel, name: 'on-call' }],
    configure: (made): Config => ({
      ...made,
      watch: [{ namespaces: [], labels: {}, annotations: {}, channel: floodChannel }],
      alerts: { token: alertsToken, clusterLabel: 'cluster', rules: {} },
    }),
  });
}

export const floodChannel = 'C0FLOOD';

/** The bodies that Alertmanager sends for it, one a group. */
export function floodBodies({ alerts, groups }: FloodShape, isOn = true): string[] {
  const startsAt = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000);
  return Array.from({ length: groups }, (_, group) => {
    const inGroup: PostedAlert[] = [];
    for (let number = group; number < alerts; number += groups) {
      const labels = {
        alertname: 'NodeDown',
        group: `g-${group}`,
        instance: `10.0.${number >> 8}.${number & 255}:9100`,
      };
      const annotations = { summary: 'The node does not answer.', description: `It was last seen ${number} s ago.` };
      const alert = firing(labels, annotations, startsAt);
      inGroup.push(isOn ? alert : resolved(alert));
    }
    return alertBody(inGroup, {
      groupKey: `{}:{group="g-${group}"}`,
      groupLabels: { alertname: 'NodeDown', group: `g-${group}` },
    });
  });
}

/** Posts them, twenty at a time; what is not stored is sent again, as Alertmanager does. @returns how often that was needed */
export async function pour({ running }: Conversation, bodies: readonly string[]): Promise<number> {
  const waiting = [...bodies];
  let again = 0;
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (let body = waiting.shift(); body !== undefined; body = waiting.shift()) {
        const { status, text } = await post(running.statusUrl, body);
        if (status === 200) continue;
        if (status !== 503) throw new Error(`status ${status}: ${text}`);
        again += 1;
        waiting.push(body);
      }
    }),
  );
  return again;
}

/** How many alerts the channel shows, over all its threads. */
export function shownAlerts({ slack }: Conversation): number {
  return slack.channel(floodChannel).reduce((sum, thread) => {
    const [root = ''] = slack.threadText(floodChannel, thread.ts).split('\n      quorum:');
    const together = /Many at once: ([\d,]+) alerts in/.exec(root)?.[1];
    const ofGroup = / of (\d+) alerts on/.exec(root)?.[1];
    return sum + Number((together ?? ofGroup ?? '1').replaceAll(',', ''));
  }, 0);
}

/** The most messages that the channel got within any second, and how often Slack refused one or an edit for its rate. */
export function rateOf({ slack }: Conversation): { readonly mostASecond: number; readonly refused: number } {
  const calls = slack.calls().filter(({ channel }) => channel === floodChannel);
  const times = calls
    .filter(({ method }) => method === 'chat.postMessage')
    .map(({ at }) => at)
    .sort((a, b) => a - b);
  // What waited for its turn arrives a few milliseconds sooner or later than that.
  const mostASecond = Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + 950).length));
  return { mostASecond, refused: calls.filter(({ error }) => error === 'ratelimited').length };
}

/** Back when the channel shows so many alerts. */
export function untilShown(conversation: Conversation, amount: number, timeoutMs: number): Promise<unknown> {
  return waitFor(`${amount} alerts in the channel`, () => shownAlerts(conversation) === amount, {
    timeoutMs,
    everyMs: 100,
  }).catch((error: unknown) => {
    throw new Error(`${shownAlerts(conversation)} are shown: ${String(error)}`);
  });
}
