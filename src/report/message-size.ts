import { type Block, limits } from '../slack/message.ts';
import type { Json } from './report.ts';

/** Room is left for a mention and a hint. */
const mostCharacters = limits.messageCharacters - 1500;
const mostBlocks = limits.blocks - 5;

/** As many blocks from the beginning as one message may hold. */
export function fits(blocks: readonly Block[]): Block[] {
  const taken: Block[] = [];
  let characters = 0;
  for (const block of blocks) {
    characters += textLength(block) + limits.blockCharacters;
    if (taken.length >= mostBlocks || characters > mostCharacters) break;
    taken.push(block);
  }
  return taken;
}

function textLength(value: Json | undefined): number {
  if (typeof value === 'string') return value.length;
  if (Array.isArray(value)) return value.reduce((sum: number, item: Json) => sum + textLength(item), 0);
  if (typeof value === 'object' && value !== null)
    return Object.values(value).reduce((sum: number, item) => sum + textLength(item), 0);
  return 0;
}
