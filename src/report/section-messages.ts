import { bold, message, rich, span } from '../slack/block-kit.ts';
import type { Block, Message } from '../slack/message.ts';
import { plainDetails, sectionBlocks } from './blocks.ts';
import { fits } from './message-size.ts';
import type { Section } from './report.ts';
import { sectionText } from './terminal.ts';

/** Sections as replies of a thread, as many as they need: nothing is cut off. */
export function sectionMessages(title: string, sections: readonly Section[]): Message[] {
  const messages: Message[] = [];
  let left = sections;
  while (left.length > 0) {
    const taken = asMany(left);
    const shown = left.slice(0, taken);
    left = left.slice(taken);
    const text = messages.length === 0 ? title : `${title} (${messages.length + 1})`;
    messages.push(
      message(
        text,
        [rich([span([bold(text)])]), ...blocksOf(shown)],
        plainDetails([text, ...shown.map((part) => sectionText(part, unpainted))].join('\n\n'), undefined),
      ),
    );
  }
  return messages;
}

/** How many of the first sections one message holds; one at the least. */
function asMany(sections: readonly Section[]): number {
  let count = 1;
  while (count < sections.length) {
    const blocks = blocksOf(sections.slice(0, count + 1));
    if (fits(blocks).length < blocks.length) break;
    count++;
  }
  return count;
}

function blocksOf(sections: readonly Section[]): Block[] {
  const shownTables = { amount: 0 };
  return sections.flatMap((part) => sectionBlocks(part, shownTables));
}

const unpainted = (_style: unknown, text: string) => text;
