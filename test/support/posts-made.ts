import type { Thread } from './slack/model.ts';
import type { SlackWorkspace } from './slack/slack-workspace.ts';

/** How often each key was posted and stood there, whatever became of it later. */
export function postsMade(slack: SlackWorkspace): Map<string, number> {
  const made = new Map<string, number>();
  for (const { method, ok, args } of slack.calls()) {
    if (method !== 'chat.postMessage' || !ok) continue;
    const key = keyIn(args.metadata);
    made.set(key, (made.get(key) ?? 0) + 1);
  }
  return made;
}

/** The keys that were posted more than once. */
export function postedTwice(slack: SlackWorkspace): string[] {
  return [...postsMade(slack)].filter(([, times]) => times > 1).map(([key]) => key);
}

/** What stands in a channel: `asked` or `answered` for each root, with its replies. */
export function standing(threads: readonly Thread[]): string[] {
  return threads.map(({ text, replies }) => {
    const state = text.endsWith(': asked') ? 'asked' : 'answered';
    return `${state}, ${replies.length} ${replies.length === 1 ? 'reply' : 'replies'}`;
  });
}

function keyIn(metadata: unknown): string {
  const value: unknown = typeof metadata === 'string' ? JSON.parse(metadata) : metadata;
  return /"key":"([^"]*)"/.exec(JSON.stringify(value ?? null))?.[1] ?? '';
}
