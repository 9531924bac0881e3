import { ApiError, Arguments, readContent } from './api-call.ts';
import type { ResponseOrigin } from './handles.ts';
import { textOf } from './json.ts';
import type { Fields, Message } from './model.ts';
import type { Workspace } from './workspace.ts';

const longest = 40_000;

/**
 * Shows what an acknowledgement or a response URL carries: to the person alone unless it says `in_channel`, or in place of the
 * original. Null where there is nothing to show.
 * @throws ApiError as chat.postMessage does for its content.
 */
export function showResponse(
  workspace: Workspace,
  origin: ResponseOrigin,
  body: Fields,
  source: 'ack' | 'response_url',
): Message | null {
  const original = origin.messageTs === null ? undefined : workspace.message(origin.channel, origin.messageTs);
  if (body.delete_original === true || body.delete_original === 'true') {
    if (original) workspace.remove(original);
    return null;
  }
  const isEmpty = body.text === undefined && body.blocks === undefined && body.attachments === undefined;
  if (source === 'ack' && isEmpty) return null;
  const content = readContent(new Arguments(body), longest);
  if ((body.replace_original === true || body.replace_original === 'true') && original) {
    workspace.edit(original, { text: content.text, blocks: content.blocks ?? [], attachments: content.attachments });
    return original;
  }
  const threadTs = textOf(body.thread_ts);
  if (threadTs !== '' && !workspace.message(origin.channel, threadTs)) throw new ApiError('thread_not_found');
  return workspace.post({
    channel: origin.channel,
    user: workspace.botUserId,
    source,
    text: content.text ?? '',
    blocks: content.blocks ?? [],
    attachments: content.attachments ?? [],
    threadTs: threadTs === '' ? null : threadTs,
    visibleTo: body.response_type === 'in_channel' ? null : origin.user,
  });
}
