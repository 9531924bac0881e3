import type { ApiCall, ApiMethod } from './api-call.ts';
import { ApiError, refuseBadBlocks } from './api-call.ts';
import { fieldsList, isFields, textOf } from './json.ts';
import { BlockProblems } from './limits.ts';
import type { Fields, View } from './model.ts';

/** A view's payload against Slack's limits, https://docs.slack.dev/reference/views. @throws ApiError invalid_arguments, view_too_large */
export function checkView(view: unknown): Fields {
  if (!isFields(view))
    throw new ApiError('invalid_arguments', messages(['failed to match all allowed schemas [json-pointer:/view]']));
  const problems: string[] = [];
  const say = (what: string, at: string): void => {
    problems.push(`${what} [json-pointer:${at}]`);
  };
  const plainText = (name: string, most: number): void => {
    const value = view[name];
    if (value === undefined || value === null) return;
    if (!isFields(value) || value.type !== 'plain_text') {
      say('must be a plain_text object', `/view/${name}`);
      return;
    }
    const length = textOf(value.text).length;
    if (length < 1) say('must be more than 0 characters', `/view/${name}/text`);
    if (length > most) say(`must be less than ${most + 1} characters`, `/view/${name}/text`);
  };
  if (view.type !== 'modal' && view.type !== 'home') say('must be one of: `modal`, `home`', '/view/type');
  if (view.type === 'modal' && !isFields(view.title)) say('missing required field: title', '/view');
  plainText('title', 24);
  plainText('submit', 24);
  plainText('close', 24);
  const strings = { private_metadata: 3000, callback_id: 255, external_id: 255 };
  for (const [name, most] of Object.entries(strings)) {
    if (textOf(view[name]).length > most) say(`must be less than ${most + 1} characters`, `/view/${name}`);
  }
  const needsSubmit = fieldsList(view.blocks).some((block) => block.type === 'input' && block.dispatch_action !== true);
  if (view.type === 'modal' && needsSubmit && !isFields(view.submit)) {
    say('must define `submit` to use an `input` block in modals', '/view');
  }
  problems.push(...new BlockProblems('view').of(view.blocks, '/view/blocks'));
  refuseBadBlocks(problems, 'invalid_arguments');
  if (JSON.stringify(view).length > 250_000) throw new ApiError('view_too_large');
  return view;
}

function messages(problems: readonly string[]): Fields {
  return { response_metadata: { messages: problems.map((problem) => `[ERROR] ${problem}`) } };
}

function viewArgument(call: ApiCall): Fields {
  return checkView(call.args.json('view', 'invalid_arguments'));
}

function findView(call: ApiCall): View {
  const { args, workspace } = call;
  const view = args.has('view_id')
    ? workspace.views.get(args.text('view_id'))
    : [...workspace.views.values()].find(
        (each) => each.isOpen && args.has('external_id') && each.content.external_id === args.text('external_id'),
      );
  if (!view?.isOpen) throw new ApiError('not_found');
  return view;
}

function refuseStaleHash(call: ApiCall, view: View): void {
  if (call.args.has('hash') && call.args.text('hash') !== view.hash) throw new ApiError('hash_conflict');
}

function refuseKnownExternalId(call: ApiCall, content: Fields): void {
  const id = textOf(content.external_id);
  if (id === '') return;
  for (const view of call.workspace.views.values()) {
    if (view.isOpen && view.content.external_id === id) throw new ApiError('duplicate_external_id');
  }
}

/** views.*: modals, opened by a trigger that lives three seconds, and the home tab. */
export const viewMethods: Readonly<Record<string, ApiMethod>> = {
  'views.open'(call) {
    const content = viewArgument(call);
    if (content.type !== 'modal') throw new ApiError('invalid_arguments', messages(['only modals can be opened']));
    refuseKnownExternalId(call, content);
    const triggerId = call.args.required('trigger_id');
    const { user } = call.redeemTrigger(triggerId);
    return { view: call.wire.view(call.workspace.openView(user, 'modal', content, { previous: null, triggerId })) };
  },

  'views.push'(call) {
    const content = viewArgument(call);
    refuseKnownExternalId(call, content);
    const triggerId = call.args.required('trigger_id');
    const { user, viewId } = call.redeemTrigger(triggerId);
    const open = call.workspace.openViews(user);
    const below = viewId === null ? open.at(-1) : call.workspace.views.get(viewId);
    if (!below?.isOpen) throw new ApiError('not_found');
    if (open.length >= 3) throw new ApiError('push_limit_reached');
    const view = call.workspace.openView(user, 'modal', content, { previous: below, triggerId });
    return { view: call.wire.view(view) };
  },

  'views.update'(call) {
    const view = findView(call);
    refuseStaleHash(call, view);
    call.workspace.updateView(view, viewArgument(call));
    return { view: call.wire.view(view) };
  },

  'views.publish'(call) {
    const user = call.args.required('user_id');
    if (!call.workspace.people.has(user)) throw new ApiError('user_not_found');
    const content = viewArgument(call);
    if (content.type !== 'home') throw new ApiError('invalid_arguments', messages(['must be a home tab']));
    const known = [...call.workspace.views.values()].find((view) => view.type === 'home' && view.user === user);
    if (known) refuseStaleHash(call, known);
    if (known) call.workspace.updateView(known, content);
    const opened = { previous: null, triggerId: null };
    return { view: call.wire.view(known ?? call.workspace.openView(user, 'home', content, opened)) };
  },
};
