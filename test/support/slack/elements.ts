import { fieldsList, isFields, textOf } from './json.ts';
import type { Fields } from './model.ts';

/** An interactive element with the block that it stands in. */
export type Placed = { readonly element: Fields; readonly blockId: string; readonly block: Fields };

/** Every element with an action id, in order. */
export function placedElements(blocks: readonly Fields[]): readonly Placed[] {
  const found: Placed[] = [];
  for (const block of blocks) {
    const blockId = textOf(block.block_id);
    const elements = [...fieldsList(block.elements), block.accessory, block.element].filter(isFields);
    for (const element of elements) {
      if (block.type !== 'rich_text' && block.type !== 'context') found.push({ element, blockId, block });
    }
  }
  return found;
}

function option(element: Fields, value: string): Fields {
  const options = [
    ...fieldsList(element.options),
    ...fieldsList(element.option_groups).flatMap((group) => fieldsList(group.options)),
  ];
  const found = options.find((each) => each.value === value);
  if (!found)
    throw new Error(`no option "${value}": there are ${options.map((each) => textOf(each.value)).join(', ')}`);
  return found;
}

/** What an input or a menu holds once a person has typed or chosen `value`, in the form that payloads and view states have. */
export function stateOf(element: Fields, value: string | readonly string[], files: (id: string) => Fields): Fields {
  const type = textOf(element.type);
  const one = typeof value === 'string' ? value : (value[0] ?? '');
  const many = typeof value === 'string' ? [value] : value;
  switch (type) {
    case 'static_select':
    case 'external_select':
    case 'radio_buttons':
    case 'overflow':
      return { type, selected_option: one === '' ? null : option(element, one) };
    case 'multi_static_select':
    case 'multi_external_select':
    case 'checkboxes':
      return { type, selected_options: many.filter((each) => each !== '').map((each) => option(element, each)) };
    case 'users_select':
      return { type, selected_user: one === '' ? null : one };
    case 'multi_users_select':
      return { type, selected_users: many.filter((each) => each !== '') };
    case 'conversations_select':
      return { type, selected_conversation: one === '' ? null : one };
    case 'channels_select':
      return { type, selected_channel: one === '' ? null : one };
    case 'datepicker':
      return { type, selected_date: one === '' ? null : one };
    case 'timepicker':
      return { type, selected_time: one === '' ? null : one };
    case 'datetimepicker':
      return { type, selected_date_time: one === '' ? null : Number(one) };
    case 'file_input':
      return { type, files: many.filter((each) => each !== '').map(files) };
    default:
      return { type, value: one === '' ? null : one };
  }
}

/** What the element holds before anybody touched it. */
export function initialState(element: Fields): Fields {
  const type = textOf(element.type);
  const initial = element.initial_option;
  if (isFields(initial)) return { type, selected_option: initial };
  if (Array.isArray(element.initial_options)) return { type, selected_options: element.initial_options };
  const text =
    element.initial_value ??
    element.initial_date ??
    element.initial_time ??
    element.initial_user ??
    element.initial_users ??
    element.initial_conversation ??
    element.initial_channel;
  const value = Array.isArray(text) ? text.map(String) : text === undefined ? '' : String(text);
  return stateOf(element, value, () => ({}));
}

/** What Slack's client says below an input before it sends anything; null where the input may go. */
export function inputTrouble(block: Fields, state: Fields): string | null {
  const element = isFields(block.element) ? block.element : {};
  const held = Object.entries(state).find(([name]) => name !== 'type')?.[1];
  const isEmpty = held === null || held === '' || (Array.isArray(held) && held.length === 0);
  if (isEmpty) return block.optional === true ? null : 'Please complete this required field.';
  const text = textOf(state.value);
  if (element.type === 'plain_text_input') {
    const least = Number(element.min_length ?? 0);
    const most = Number(element.max_length ?? 3000);
    if (text.length < least) return `Your entry must be at least ${least} characters.`;
    if (text.length > most) return `Your entry must be no more than ${most} characters.`;
  }
  if (element.type === 'number_input') {
    if (!/^-?\d+(\.\d+)?$/.test(text)) return 'Please enter a valid number.';
    if (element.is_decimal_allowed !== true && text.includes('.')) return 'Please enter a whole number.';
    if (element.min_value !== undefined && Number(text) < Number(element.min_value))
      return `Enter a number of at least ${String(element.min_value)}.`;
    if (element.max_value !== undefined && Number(text) > Number(element.max_value))
      return `Enter a number of at most ${String(element.max_value)}.`;
  }
  if (element.type === 'email_text_input' && !/^\S+@\S+\.\S+$/.test(text)) return 'Please enter a valid email address.';
  if (element.type === 'url_text_input' && !/^https?:\/\//.test(text)) return 'Please enter a valid URL.';
  return null;
}

/** What a `block_actions` payload tells of the element that was used. */
export function actionOf(placed: Placed, state: Fields | null): Fields {
  const { element, blockId } = placed;
  const base = { action_id: textOf(element.action_id), block_id: blockId, action_ts: `${Date.now() / 1000}` };
  if (element.type === 'button') {
    return {
      ...base,
      type: 'button',
      text: element.text,
      ...(element.value === undefined ? {} : { value: element.value }),
      ...(element.style === undefined ? {} : { style: element.style }),
    };
  }
  return { ...base, ...(state ?? {}), type: element.type };
}
