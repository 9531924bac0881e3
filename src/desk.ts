import type { Desk } from './job.ts';
import { Refusal } from './refusal.ts';

/** What Quorum keeps. @throws Refusal in a terminal, where there is neither Slack nor Redis */
export function deskOf(context: { readonly desk?: Desk }): Desk {
  if (context.desk === undefined)
    throw new Refusal(
      'This is about people and changes in Slack, and a terminal knows neither.',
      'Ask in Slack; `quorum audit verify` checks the audit.',
    );
  return context.desk;
}
