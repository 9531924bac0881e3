import { renderThread } from '../report/blocks.ts';
import type { Report } from '../report/report.ts';
import type { Delivery } from './delivery.ts';

/** Shows a report that nobody asked for: a message of its own in a channel, once for each key, its details in the thread. */
export async function putNotice(delivery: Delivery, channelId: string, key: string, report: Report): Promise<void> {
  const { root, details, more } = renderThread(report, { line: report.command }, undefined);
  const threadTs = await delivery.put(`${key}-root`, { channelId }, root);
  if (details !== undefined) await delivery.put(`${key}-details`, { channelId, threadTs }, details);
  if (more !== undefined) await delivery.put(`${key}-more`, { channelId, threadTs }, more);
}
