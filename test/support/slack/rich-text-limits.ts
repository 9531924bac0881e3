import { isFields, textOf } from './json.ts';
import type { Fields } from './model.ts';

/** What each inline element must carry, https://docs.slack.dev/reference/block-kit/blocks/rich-text-block */
const inline: Readonly<Record<string, readonly string[]>> = {
  text: ['text'],
  link: ['url'],
  user: ['user_id'],
  usergroup: ['usergroup_id'],
  channel: ['channel_id'],
  emoji: ['name'],
  broadcast: ['range'],
  color: ['value'],
  date: ['format'],
};

const holders: Readonly<Record<string, readonly string[]>> = {
  rich_text: ['rich_text_section', 'rich_text_list', 'rich_text_quote', 'rich_text_preformatted'],
  rich_text_list: ['rich_text_section'],
  rich_text_section: Object.keys(inline),
  rich_text_quote: Object.keys(inline),
  rich_text_preformatted: ['text', 'link'],
};

/** What is wrong with a rich_text block, each with the place it points at. */
export function richTextProblems(holder: Fields, at: string): readonly string[] {
  const type = textOf(holder.type);
  const allowed = holders[type];
  if (allowed === undefined) return inlineProblems(holder, at);
  if (!Array.isArray(holder.elements)) return [`must be an array [json-pointer:${at}/elements]`];
  const problems: string[] = [];
  if (type === 'rich_text_list' && holder.style !== 'bullet' && holder.style !== 'ordered') {
    problems.push(`must be one of: \`bullet\`, \`ordered\` [json-pointer:${at}/style]`);
  }
  for (const [index, element] of holder.elements.entries()) {
    const here = `${at}/elements/${index}`;
    if (!isFields(element)) problems.push(`must be an object [json-pointer:${here}]`);
    else if (!allowed.includes(textOf(element.type))) {
      problems.push(`unsupported type: ${String(element.type)} [json-pointer:${here}]`);
    } else problems.push(...richTextProblems(element, here));
  }
  return problems;
}

function inlineProblems(element: Fields, at: string): readonly string[] {
  const problems: string[] = [];
  for (const name of inline[textOf(element.type)] ?? []) {
    const value = element[name];
    if (typeof value !== 'string') problems.push(`must be a string [json-pointer:${at}/${name}]`);
    else if (value === '') problems.push(`must be more than 0 characters [json-pointer:${at}/${name}]`);
  }
  if (element.type === 'date' && !Number.isInteger(element.timestamp)) {
    problems.push(`must be an integer [json-pointer:${at}/timestamp]`);
  }
  if (element.style !== undefined && !isFields(element.style)) {
    problems.push(`must be an object [json-pointer:${at}/style]`);
  }
  return problems;
}
