import { setTimeout as pause } from 'node:timers/promises';
import type { Chart } from '../report/chart.ts';
import type { Target } from './delivery.ts';
import { SlackFailure, type SlackWeb } from './web.ts';

/** A rate limit longer than this is not waited for, for a picture. */
const waitsMs = 5000;

/** Draws a chart and puts it into a thread: at least once. @throws where Slack does not take it */
export async function showPicture(
  chart: Chart,
  thread: Target,
  parts: {
    readonly web: SlackWeb;
    /** Draws it as PNG. */
    readonly draw: (chart: Chart) => Promise<Uint8Array>;
    /** Asked right before it is sent. */
    readonly hold?: (() => Promise<void>) | undefined;
  },
): Promise<void> {
  const { web, draw, hold } = parts;
  const file = {
    name: `${chart.name}.png`,
    title: chart.title,
    content: await draw(chart),
    alt: chart.alt,
  };
  await hold?.();
  await web.upload(thread, file).catch(async (error: unknown) => {
    if (!(error instanceof SlackFailure && error.kind === 'rate-limited' && error.retryAfterMs <= waitsMs)) throw error;
    await pause(error.retryAfterMs, undefined, { ref: false });
    await web.upload(thread, file);
  });
}
