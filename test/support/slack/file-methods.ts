import type { ApiMethod } from './api-call.ts';
import { ApiError } from './api-call.ts';
import { fieldsList, textOf } from './json.ts';
import type { StoredFile } from './model.ts';

const mimetypes: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  svg: 'image/svg+xml',
  json: 'application/json',
  csv: 'text/csv',
  pdf: 'application/pdf',
  gz: 'application/gzip',
  zip: 'application/zip',
};

export function mimetypeOf(name: string): string {
  const ending = name.includes('.') ? (name.split('.').at(-1) ?? '').toLowerCase() : '';
  return mimetypes[ending] ?? 'text/plain';
}

/** files.*: the upload in three steps (address, bytes, completion) that replaced files.upload. */
export const fileMethods: Readonly<Record<string, ApiMethod>> = {
  'files.getUploadURLExternal'(call) {
    call.requireScope(['files:write']);
    const { workspace, args } = call;
    const name = args.required('filename');
    const length = Number(args.required('length'));
    if (!Number.isInteger(length) || length < 1) throw new ApiError('invalid_arguments');
    const alt = args.text('alt_txt');
    if (alt.length > 1000) throw new ApiError('alt_txt_too_large');
    const file: StoredFile = {
      id: workspace.newId('F'),
      name,
      title: name,
      mimetype: mimetypeOf(name),
      user: workspace.botUserId,
      createdSeconds: Math.floor(Date.now() / 1000),
      content: new Uint8Array(),
      alt,
      isShared: false,
    };
    workspace.files.set(file.id, file);
    return { upload_url: `${call.baseUrl}/upload/v1/${file.id}`, file_id: file.id };
  },

  'files.completeUploadExternal'(call) {
    call.requireScope(['files:write']);
    const { workspace, args } = call;
    const wanted = fieldsList(args.json('files', 'invalid_arguments'));
    if (wanted.length === 0) throw new ApiError('invalid_arguments');
    const files = wanted.map((each) => {
      const file = workspace.files.get(textOf(each.id));
      if (!file || file.isShared || file.content.length === 0) throw new ApiError('file_not_found');
      return { file, title: textOf(each.title) };
    });
    const id = args.text('channel_id');
    const channel = id === '' ? undefined : workspace.channels.get(id);
    if (id !== '' && !channel) throw new ApiError('channel_not_found');
    if (channel && !workspace.isMember(channel, workspace.botUserId)) {
      throw new ApiError(channel.isPrivate ? 'channel_not_found' : 'not_in_channel');
    }
    if (channel?.isArchived) throw new ApiError('is_archived');
    const root = args.has('thread_ts') && channel ? workspace.message(channel.id, args.text('thread_ts')) : undefined;
    if (args.has('thread_ts') && !root) throw new ApiError('thread_not_found');
    for (const { file, title } of files) {
      file.isShared = true;
      if (title !== '') file.title = title;
    }
    if (channel) {
      workspace.post({
        channel: channel.id,
        user: workspace.botUserId,
        source: 'bot',
        text: args.text('initial_comment'),
        threadTs: root ? (root.threadTs ?? root.ts) : null,
        files: files.map(({ file }) => file.id),
      });
    }
    return { files: files.map(({ file }) => call.wire.file(file)) };
  },

  'files.info'(call) {
    call.requireScope(['files:read']);
    const file = call.workspace.files.get(call.args.required('file', 'file_not_found'));
    if (!file?.isShared) throw new ApiError('file_not_found');
    return { file: call.wire.file(file) };
  },

  'files.delete'(call) {
    call.requireScope(['files:write']);
    const id = call.args.required('file', 'file_not_found');
    const file = call.workspace.files.get(id);
    if (!file) throw new ApiError('file_not_found');
    if (file.user !== call.workspace.botUserId) throw new ApiError('cant_delete_file');
    call.workspace.files.delete(id);
    call.workspace.changed();
    return {};
  },
};
