import type { Acted, House } from './acts.ts';
import { acted, person } from './acts.ts';
import { ApiError } from './api-call.ts';
import { actionOf, initialState, inputTrouble, placedElements, stateOf } from './elements.ts';
import { isFields, textOf } from './json.ts';
import type { Fields, View } from './model.ts';
import { checkView } from './view-methods.ts';

/** What became of a submitted modal: closed, held back by errors below inputs, replaced or covered by another. */
export type Submitted = Acted & {
  readonly outcome: 'closed' | 'errors' | 'updated' | 'pushed' | 'cleared' | 'none';
  /** block_id → what is wrong. */
  readonly errors: Readonly<Record<string, string>>;
};

/** By action_id or block_id: what was typed, an option's value, or ids of uploaded files. */
export type Values = Readonly<Record<string, string | readonly string[]>>;

/** What people do in modals: fill in, submit, press, close. */
export class Modals {
  readonly #house: House;

  constructor(house: House) {
    this.#house = house;
  }

  async submit(user: string, viewId: string, values: Values): Promise<Submitted> {
    const { workspace, payloads, triggers } = this.#house;
    const view = this.#open(user, viewId);
    const triggerId = triggers.create(user, view.id);
    this.#fill(view, values);
    const errors: Record<string, string> = {};
    for (const { element, block, blockId } of placedElements(blocksOf(view))) {
      if (block.type !== 'input') continue;
      const trouble = inputTrouble(block, view.state[blockId]?.[textOf(element.action_id)] ?? initialState(element));
      if (trouble !== null) errors[blockId] = trouble;
    }
    view.trouble = null;
    view.errors = errors;
    workspace.changed();
    if (Object.keys(errors).length > 0) {
      return { status: 'ok', error: null, tookMs: 0, triggerId, outcome: 'errors', errors };
    }
    const answer = await this.#house
      .delivery()
      .deliver('interactive', payloads.viewSubmission(person(this.#house, user), view, triggerId), null);
    const result = acted(answer, triggerId);
    if (answer.kind !== 'acked') {
      view.trouble = 'We had some trouble connecting. Try again?';
      workspace.changed();
      return { ...result, outcome: 'none', errors: {} };
    }
    try {
      return { ...result, ...this.#respond(view, answer.body) };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      view.trouble = 'We had some trouble connecting. Try again?';
      workspace.changed();
      return { ...result, status: 'failed', error: error.code, outcome: 'none', errors: {} };
    }
  }

  #respond(view: View, body: Fields): Pick<Submitted, 'outcome' | 'errors'> {
    const { workspace } = this.#house;
    switch (body.response_action) {
      case undefined:
        this.#close(view);
        return { outcome: 'closed', errors: {} };
      case 'clear':
        for (const open of workspace.openViews(view.user)) this.#close(open);
        return { outcome: 'cleared', errors: {} };
      case 'update':
        workspace.updateView(view, checkView(body.view));
        return { outcome: 'updated', errors: {} };
      case 'push':
        workspace.openView(view.user, 'modal', checkView(body.view), { previous: view, triggerId: view.triggerId });
        return { outcome: 'pushed', errors: {} };
      case 'errors': {
        const known = new Set(blocksOf(view).map((block) => block.block_id));
        const entries = isFields(body.errors) ? Object.entries(body.errors) : [];
        if (entries.length === 0 || entries.some(([id]) => !known.has(id))) throw new ApiError('invalid_arguments');
        view.errors = Object.fromEntries(entries.map(([id, text]) => [id, textOf(text)]));
        workspace.changed();
        return { outcome: 'errors', errors: view.errors };
      }
      default:
        throw new ApiError('invalid_arguments');
    }
  }

  /** A button or a menu inside the modal, or an input with `dispatch_action`. */
  async act(user: string, viewId: string, actionId: string, value?: string): Promise<Acted> {
    const { payloads, triggers, workspace } = this.#house;
    const view = this.#open(user, viewId);
    const placed = placedElements(blocksOf(view)).find(({ element }) => element.action_id === actionId);
    if (!placed) throw new Error(`nothing to use as ${actionId} in view ${viewId}`);
    if (placed.element.type !== 'button') this.#fill(view, { [actionId]: value ?? '' });
    const state = view.state[placed.blockId]?.[actionId] ?? null;
    const triggerId = triggers.create(user, view.id);
    const payload = payloads.viewAction(person(this.#house, user), view, actionOf(placed, state), triggerId);
    const answer = await this.#house.delivery().deliver('interactive', payload, null);
    if (answer.kind !== 'acked') view.trouble = 'We had some trouble connecting. Try again?';
    workspace.changed();
    return acted(answer, triggerId);
  }

  /** Cancel, or the cross in the corner: the app hears of it where it asked to. */
  async close(user: string, viewId: string): Promise<void> {
    const view = this.#open(user, viewId);
    this.#close(view);
    if (view.content.notify_on_close !== true) return;
    const payload = this.#house.payloads.viewClosed(person(this.#house, user), view, false);
    await this.#house.delivery().deliver('interactive', payload, null);
  }

  /** The window in which these are open is gone: they go with it, and the app hears nothing. */
  drop(views: readonly View[]): void {
    for (const view of views) this.#close(view);
  }

  #open(user: string, viewId: string): View {
    const view = this.#house.workspace.views.get(viewId);
    if (!view?.isOpen || view.user !== user) throw new Error(`${user} has no view ${viewId} open`);
    return view;
  }

  #close(view: View): void {
    view.isOpen = false;
    this.#house.workspace.changed();
  }

  #fill(view: View, values: Values): void {
    const state: Record<string, Record<string, Fields>> = {};
    const wanted = new Set(Object.keys(values));
    for (const { element, block, blockId } of placedElements(blocksOf(view))) {
      if (element.type === 'button' || element.type === 'image' || element.type === 'overflow') continue;
      const actionId = textOf(element.action_id);
      const value = values[actionId] ?? (block.type === 'input' ? values[blockId] : undefined);
      wanted.delete(actionId);
      wanted.delete(blockId);
      const held = view.state[blockId]?.[actionId] ?? initialState(element);
      const inBlock = state[blockId] ?? {};
      inBlock[actionId] = value === undefined ? held : stateOf(element, value, (id) => this.#file(id));
      state[blockId] = inBlock;
    }
    if (wanted.size > 0) throw new Error(`view ${view.id} has no input ${[...wanted].join(', ')}`);
    view.state = state;
  }

  #file(id: string): Fields {
    const file = this.#house.workspace.files.get(id);
    if (!file) throw new Error(`no file ${id}`);
    return this.#house.wireFile(file);
  }
}

function blocksOf(view: View): readonly Fields[] {
  return Array.isArray(view.content.blocks) ? (view.content.blocks as readonly Fields[]) : [];
}
