import { fieldsList, isFields, textOf } from './json.ts';
import type { Fields, Message } from './model.ts';
import type { Workspace } from './workspace.ts';

/** A text with Slack's markup taken out: mentions by name, links with their address, dates as their fallback, entities unescaped. */
export function plainMrkdwn(workspace: Workspace, text: string): string {
  return text
    .replace(/<([^<>]*)>/g, (_, inner: string) => {
      const [target = '', label] = inner.split(/\|(.*)/s);
      if (target.startsWith('@')) return `@${workspace.people.get(target.slice(1))?.name ?? label ?? target.slice(1)}`;
      if (target.startsWith('#'))
        return `#${workspace.channels.get(target.slice(1))?.name ?? label ?? target.slice(1)}`;
      if (target.startsWith('!subteam^')) return `@${workspace.groups.get(target.slice(9))?.handle ?? label ?? target}`;
      if (target.startsWith('!date^')) return label ?? target;
      if (target.startsWith('!')) return `@${target.slice(1)}`;
      return label === undefined || label === target ? target : `${label} (${target})`;
    })
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

function textObject(workspace: Workspace, value: unknown): string {
  if (!isFields(value)) return '';
  return value.type === 'mrkdwn' ? plainMrkdwn(workspace, textOf(value.text)) : unescaped(textOf(value.text));
}

/** plain_text is unescaped by Slack's clients, too. */
function unescaped(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

function richText(workspace: Workspace, value: unknown): string {
  if (!isFields(value)) return '';
  const inner = (): string[] => fieldsList(value.elements).map((element) => richText(workspace, element));
  switch (value.type) {
    case 'rich_text':
      return inner().join('\n');
    case 'rich_text_list':
      return inner()
        .map((line, index) => `${value.style === 'ordered' ? `${index + 1}.` : '•'} ${line}`)
        .join('\n');
    case 'rich_text_quote':
      return `> ${inner().join('')}`;
    case 'user':
      return `@${workspace.people.get(textOf(value.user_id))?.name ?? textOf(value.user_id)}`;
    case 'link':
      return textOf(value.text) === '' ? textOf(value.url) : `${textOf(value.text)} (${textOf(value.url)})`;
    case 'emoji':
      return `:${textOf(value.name)}:`;
    case 'date':
      return textOf(value.fallback);
    case 'text':
      return textOf(value.text);
    default:
      return inner().join('');
  }
}

function table(workspace: Workspace, block: Fields): string {
  const rows = (Array.isArray(block.rows) ? block.rows : []).map((row: unknown) =>
    fieldsList(row).map((cell) =>
      cell.type === 'rich_text' ? richText(workspace, cell) : String(cell.text ?? cell.value ?? ''),
    ),
  );
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, [...cell].length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const taskMarks: Readonly<Record<string, string>> = {
  pending: '[ ]',
  in_progress: '[~]',
  complete: '[x]',
  error: '[!]',
};

function task(workspace: Workspace, block: Fields): string {
  const more = [block.details, block.output].map((part) => richText(workspace, part)).filter((part) => part !== '');
  return [`${taskMarks[textOf(block.status)] ?? '[ ]'} ${textOf(block.title)}`, ...more].join('\n    ');
}

function element(workspace: Workspace, value: Fields): string {
  if (value.type === 'image') return `(image: ${textOf(value.alt_text)})`;
  if (value.type === 'mrkdwn' || value.type === 'plain_text') return textObject(workspace, value);
  const label = textObject(workspace, value.text) || textObject(workspace, value.placeholder) || textOf(value.type);
  return `[${label}]`;
}

function block(workspace: Workspace, value: Fields): string {
  switch (value.type) {
    case 'section': {
      const fields = fieldsList(value.fields).map((field) => textObject(workspace, field));
      const accessory = isFields(value.accessory) ? [element(workspace, value.accessory)] : [];
      return [textObject(workspace, value.text), ...fields, ...accessory].filter((line) => line !== '').join('\n');
    }
    case 'header':
    case 'alert':
      return textObject(workspace, value.text);
    case 'context':
    case 'actions':
      return fieldsList(value.elements)
        .map((each) => element(workspace, each))
        .join(' ');
    case 'markdown':
      return textOf(value.text);
    case 'rich_text':
      return richText(workspace, value);
    case 'table':
      return table(workspace, value);
    case 'plan':
      return [textOf(value.title), ...fieldsList(value.tasks).map((each) => task(workspace, each))].join('\n');
    case 'task_card':
      return task(workspace, value);
    case 'image':
      return `(image: ${textOf(value.alt_text)})`;
    case 'divider':
      return '---';
    case 'input':
      return `${textObject(workspace, value.label)}: ____`;
    default:
      return `(${textOf(value.type)})`;
  }
}

/** A message's whole content as a person reads it: the blocks where there are any, else the text; then attachments and files. */
export function plainMessage(
  workspace: Workspace,
  message: Pick<Message, 'text' | 'blocks' | 'attachments' | 'files'>,
): string {
  const body =
    message.blocks.length > 0
      ? message.blocks.map((each) => block(workspace, each))
      : [plainMrkdwn(workspace, message.text)];
  const attachments = message.attachments.map((attachment) =>
    attachment.blocks === undefined
      ? plainMrkdwn(workspace, textOf(attachment.text) || textOf(attachment.fallback))
      : fieldsList(attachment.blocks)
          .map((each) => block(workspace, each))
          .join('\n'),
  );
  const files = message.files.map((id) => {
    const file = workspace.files.get(id);
    return file ? `(file: ${file.name}, ${file.content.length} bytes)` : '(file: deleted)';
  });
  return [...body, ...attachments, ...files].filter((part) => part !== '').join('\n');
}

/** A thread as a transcript: who said what, replies below their root. */
export function plainThread(workspace: Workspace, root: Message, replies: readonly Message[]): string {
  const said = (message: Message, indent: string): string => {
    const who = message.source === 'slack' ? 'Slackbot' : (workspace.people.get(message.user)?.name ?? message.user);
    const marks = `${message.editedTs === null ? '' : ' (edited)'}${message.visibleTo === null ? '' : ' (only visible to you)'}`;
    const lines = plainMessage(workspace, message).split('\n');
    return [`${indent}${who}${marks}:`, ...lines.map((line) => `${indent}  ${line}`.trimEnd())].join('\n');
  };
  return [said(root, ''), ...replies.map((reply) => said(reply, '  '))].join('\n');
}
