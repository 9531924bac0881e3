import { fieldsList, isFields, textOf } from './json.ts';
import type { Fields } from './model.ts';
import { richTextProblems } from './rich-text-limits.ts';

/** Slack's limits for Block Kit, https://docs.slack.dev/reference/block-kit/blocks (each block's page). */
const most = {
  messageBlocks: 50,
  viewBlocks: 100,
  sectionText: 3000,
  fields: 10,
  fieldText: 2000,
  headerText: 150,
  contextElements: 10,
  actionsElements: 25,
  blockId: 255,
  actionId: 255,
  buttonText: 75,
  buttonValue: 2000,
  url: 3000,
  markdownText: 12_000,
  altText: 2000,
  tableRows: 100,
  tableColumns: 20,
  tableCharacters: 10_000,
  options: 100,
  optionText: 75,
  optionValue: 150,
} as const;

const elementTypes = new Set([
  'button',
  'checkboxes',
  'datepicker',
  'datetimepicker',
  'overflow',
  'radio_buttons',
  'static_select',
  'external_select',
  'users_select',
  'conversations_select',
  'channels_select',
  'multi_static_select',
  'multi_external_select',
  'multi_users_select',
  'multi_conversations_select',
  'multi_channels_select',
  'timepicker',
  'workflow_button',
]);
const inputTypes = new Set([
  ...[...elementTypes].filter((type) => type !== 'button' && type !== 'overflow' && type !== 'workflow_button'),
  'plain_text_input',
  'email_text_input',
  'url_text_input',
  'number_input',
  'file_input',
  'rich_text_input',
]);
const taskStatuses = new Set(['pending', 'in_progress', 'complete', 'error']);

/** What is wrong with a message's or a view's blocks, in Slack's words, each with the place it points at. */
export class BlockProblems {
  readonly #found: string[] = [];
  readonly #actionIds = new Set<string>();
  readonly #blockIds = new Set<string>();
  readonly #surface: 'message' | 'view';

  constructor(surface: 'message' | 'view') {
    this.#surface = surface;
  }

  /** `must be less than 3001 characters [json-pointer:/blocks/0/text/text]` */
  #say(what: string, at: string): void {
    this.#found.push(`${what} [json-pointer:${at}]`);
  }

  of(blocks: unknown, at = '/blocks'): readonly string[] {
    if (!Array.isArray(blocks)) {
      this.#say('must be an array', at);
      return this.#found;
    }
    const limit = this.#surface === 'message' ? most.messageBlocks : most.viewBlocks;
    if (blocks.length > limit) this.#say(`no more than ${limit} items allowed`, at);
    let tables = 0;
    for (const [index, block] of blocks.entries()) {
      const here = `${at}/${index}`;
      if (!isFields(block)) {
        this.#say('must be an object', here);
        continue;
      }
      if (block.type === 'table') tables += 1;
      if (block.type === 'table' && tables > 1) this.#say('only_one_table_allowed', here);
      this.#actionIds.clear();
      this.#block(block, here);
    }
    return this.#found;
  }

  #block(block: Fields, at: string): void {
    const id = block.block_id;
    if (id !== undefined) {
      if (typeof id !== 'string') this.#say('must be a string', `${at}/block_id`);
      else if (id.length > most.blockId)
        this.#say(`must be less than ${most.blockId + 1} characters`, `${at}/block_id`);
      else if (this.#blockIds.has(id)) this.#say('`block_id` already exists', `${at}/block_id`);
      else this.#blockIds.add(id);
    }
    switch (block.type) {
      case 'section':
        this.#section(block, at);
        return;
      case 'header':
        this.#text(block.text, `${at}/text`, most.headerText, 'plain_text');
        return;
      case 'divider':
        return;
      case 'context':
        this.#list(block.elements, `${at}/elements`, most.contextElements, (element, where) => {
          if (element.type === 'image') this.#image(element, where);
          else this.#text(element, where, most.sectionText, 'any');
        });
        return;
      case 'actions':
        this.#list(block.elements, `${at}/elements`, most.actionsElements, (element, where) =>
          this.#element(element, where, elementTypes),
        );
        return;
      case 'image':
        this.#image(block, at);
        return;
      case 'input':
        this.#text(block.label, `${at}/label`, 2000, 'plain_text');
        if (block.hint !== undefined) this.#text(block.hint, `${at}/hint`, 2000, 'plain_text');
        if (isFields(block.element)) this.#element(block.element, `${at}/element`, inputTypes);
        else this.#say('missing required field: element', at);
        return;
      case 'markdown':
        this.#string(block.text, `${at}/text`, most.markdownText);
        return;
      case 'rich_text':
        this.#found.push(...richTextProblems(block, at));
        return;
      case 'table':
        this.#table(block, at);
        return;
      case 'file':
        if (block.source !== 'remote') this.#say('invalid value: must be `remote`', `${at}/source`);
        this.#string(block.external_id, `${at}/external_id`, 255);
        return;
      case 'alert':
        this.#text(block.text, `${at}/text`, most.sectionText, 'any');
        return;
      case 'plan':
        this.#string(block.title, `${at}/title`, 256);
        this.#list(block.tasks ?? [], `${at}/tasks`, most.messageBlocks, (task, where) => this.#task(task, where), 0);
        return;
      case 'task_card':
        this.#task(block, at);
        return;
      case 'data_table':
      case 'card':
      case 'carousel':
      case 'container':
      case 'context_actions':
      case 'video':
        return;
      default:
        this.#say(`unsupported type: ${String(block.type)}`, at);
    }
  }

  #section(block: Fields, at: string): void {
    if (block.text === undefined && block.fields === undefined) this.#say('must define either `text` or `fields`', at);
    if (block.text !== undefined) this.#text(block.text, `${at}/text`, most.sectionText, 'any');
    if (block.fields !== undefined) {
      this.#list(block.fields, `${at}/fields`, most.fields, (field, where) =>
        this.#text(field, where, most.fieldText, 'any'),
      );
    }
    if (block.accessory === undefined) return;
    if (!isFields(block.accessory)) this.#say('must be an object', `${at}/accessory`);
    else if (block.accessory.type === 'image') this.#image(block.accessory, `${at}/accessory`);
    else this.#element(block.accessory, `${at}/accessory`, elementTypes);
  }

  #table(block: Fields, at: string): void {
    let characters = 0;
    if (!Array.isArray(block.rows) || block.rows.length === 0) {
      this.#say('missing required field: rows', at);
      return;
    }
    if (block.rows.length > most.tableRows) this.#say(`no more than ${most.tableRows} items allowed`, `${at}/rows`);
    const width = Array.isArray(block.rows[0]) ? block.rows[0].length : 0;
    for (const [index, row] of block.rows.entries()) {
      const here = `${at}/rows/${index}`;
      if (!Array.isArray(row) || row.length === 0) this.#say('must be a non-empty array', here);
      else if (row.length > most.tableColumns) this.#say(`no more than ${most.tableColumns} items allowed`, here);
      else if (row.length !== width) this.#say('all rows must have the same number of cells', here);
      for (const [column, cell] of (Array.isArray(row) ? row : []).entries()) {
        const type = isFields(cell) ? cell.type : undefined;
        if (type === 'raw_text' && isFields(cell)) {
          if (textOf(cell.text).length < 1) this.#say('must be more than 0 characters', `${here}/${column}/text`);
          characters += textOf(cell.text).length;
        } else if (type === 'rich_text' && isFields(cell)) {
          this.#found.push(...richTextProblems(cell, `${here}/${column}`));
          characters += lengthOfTexts(cell);
        } else if (type !== 'raw_number') this.#say(`unsupported type: ${String(type)}`, `${here}/${column}`);
      }
    }
    if (characters > most.tableCharacters) this.#say(`must be less than ${most.tableCharacters + 1} characters`, at);
    if (Array.isArray(block.column_settings) && block.column_settings.length > most.tableColumns) {
      this.#say(`no more than ${most.tableColumns} items allowed`, `${at}/column_settings`);
    }
  }

  #task(task: Fields, at: string): void {
    if (task.type !== 'task_card') {
      this.#say(`unsupported type: ${String(task.type)}`, at);
      return;
    }
    this.#string(task.task_id, `${at}/task_id`, 255);
    this.#string(task.title, `${at}/title`, 256);
    if (task.status !== undefined && !taskStatuses.has(textOf(task.status))) {
      this.#say('invalid value for status', `${at}/status`);
    }
    for (const part of ['details', 'output'] as const) {
      const value = task[part];
      if (value !== undefined && !(isFields(value) && value.type === 'rich_text')) {
        this.#say('must be a `rich_text` block', `${at}/${part}`);
      } else if (isFields(value)) this.#found.push(...richTextProblems(value, `${at}/${part}`));
    }
  }

  #image(image: Fields, at: string): void {
    if (image.image_url === undefined && image.slack_file === undefined) {
      this.#say('must define either `image_url` or `slack_file`', at);
    }
    if (image.image_url !== undefined) this.#string(image.image_url, `${at}/image_url`, most.url);
    this.#string(image.alt_text, `${at}/alt_text`, most.altText);
  }

  #element(element: Fields, at: string, allowed: ReadonlySet<string>): void {
    const type = textOf(element.type);
    if (!allowed.has(type)) {
      this.#say(`unsupported type: ${type}`, at);
      return;
    }
    const id = element.action_id;
    if (id !== undefined) {
      this.#string(id, `${at}/action_id`, most.actionId);
      // "Should be unique among all other action_ids in the containing block."
      if (this.#actionIds.has(textOf(id))) this.#say('`action_id` already exists', `${at}/action_id`);
      this.#actionIds.add(textOf(id));
    }
    if (type === 'button') {
      this.#text(element.text, `${at}/text`, most.buttonText, 'plain_text');
      if (element.value !== undefined) this.#string(element.value, `${at}/value`, most.buttonValue, 0);
      if (element.url !== undefined) this.#string(element.url, `${at}/url`, most.url);
      if (element.style !== undefined && element.style !== 'primary' && element.style !== 'danger') {
        this.#say('must be one of: `primary`, `danger`', `${at}/style`);
      }
    }
    if (element.placeholder !== undefined) this.#text(element.placeholder, `${at}/placeholder`, 150, 'plain_text');
    if (element.confirm !== undefined) this.#confirm(element.confirm, `${at}/confirm`);
    const hasOptions = ['static_select', 'multi_static_select', 'radio_buttons', 'checkboxes', 'overflow'].includes(
      type,
    );
    if (hasOptions && element.option_groups === undefined) {
      const limit = type === 'overflow' ? 5 : type === 'radio_buttons' || type === 'checkboxes' ? 10 : most.options;
      this.#list(element.options, `${at}/options`, limit, (option, where) => {
        this.#text(option.text, `${where}/text`, most.optionText, 'any');
        this.#string(option.value, `${where}/value`, most.optionValue);
      });
    }
  }

  #confirm(confirm: unknown, at: string): void {
    if (!isFields(confirm)) {
      this.#say('must be an object', at);
      return;
    }
    if (confirm.title !== undefined) this.#text(confirm.title, `${at}/title`, 100, 'plain_text');
    if (confirm.text !== undefined) this.#text(confirm.text, `${at}/text`, 300, 'any');
    if (confirm.confirm !== undefined) this.#text(confirm.confirm, `${at}/confirm`, 30, 'plain_text');
    if (confirm.deny !== undefined) this.#text(confirm.deny, `${at}/deny`, 30, 'plain_text');
  }

  #list(list: unknown, at: string, limit: number, check: (item: Fields, at: string) => void, least = 1): void {
    if (!Array.isArray(list)) {
      this.#say('must be an array', at);
      return;
    }
    if (list.length < least) this.#say(`must have at least ${least} item`, at);
    if (list.length > limit) this.#say(`no more than ${limit} items allowed`, at);
    for (const [index, item] of list.entries()) {
      if (isFields(item)) check(item, `${at}/${index}`);
      else this.#say('must be an object', `${at}/${index}`);
    }
  }

  #text(text: unknown, at: string, limit: number, kind: 'plain_text' | 'any'): void {
    if (!isFields(text)) {
      this.#say('missing required field: text', at.replace(/\/[^/]*$/, ''));
      return;
    }
    if (text.type !== 'plain_text' && (kind === 'plain_text' || text.type !== 'mrkdwn')) {
      this.#say(`unsupported type: ${String(text.type)}`, `${at}/type`);
    }
    this.#string(text.text, `${at}/text`, limit);
  }

  #string(value: unknown, at: string, limit: number, least = 1): void {
    if (typeof value !== 'string') {
      this.#say('must be a string', at);
      return;
    }
    if (value.length < least) this.#say('must be more than 0 characters', at);
    if (value.length > limit) this.#say(`must be less than ${limit + 1} characters`, at);
  }
}

/** The characters of every text in a block, however deep. */
export function lengthOfTexts(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, each) => sum + lengthOfTexts(each), 0);
  if (!isFields(value)) return 0;
  let sum = 0;
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner === 'string') sum += key === 'text' || key === 'title' || key === 'url' ? inner.length : 0;
    else sum += lengthOfTexts(inner);
  }
  return sum;
}

/**
 * Whether a message's blocks are too long together (`msg_blocks_too_long`). Slack does not document the figure; it was measured as
 * 13,297 characters in one markdown block and 125 less with a divider beside it, https://github.com/slackapi/bolt-js/issues/2509.
 */
export function areBlocksTooLong(blocks: readonly Fields[]): boolean {
  return lengthOfTexts(blocks) + 125 * blocks.length > 13_297 + 125;
}

/** The cumulative limit of markdown blocks in one message. */
export function isMarkdownTooLong(blocks: readonly Fields[]): boolean {
  const texts = fieldsList(blocks).filter((block) => block.type === 'markdown');
  return lengthOfTexts(texts) > most.markdownText;
}
