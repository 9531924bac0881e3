import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError } from './api-call.ts';
import type { ResponseUrls } from './handles.ts';
import { parseBody, readAll } from './request-body.ts';
import { showResponse } from './responses.ts';
import type { Workspace } from './workspace.ts';

/** `upload_url`: takes a file's bytes, raw or as multipart. */
export async function receiveUpload(
  workspace: Workspace,
  request: IncomingMessage,
  response: ServerResponse,
  id: string,
): Promise<void> {
  const body = parseBody(request.headers['content-type'] ?? '', await readAll(request), new URLSearchParams());
  const file = workspace.files.get(id);
  const content = body.files[0]?.content ?? body.raw;
  if (!file || file.isShared || content.length === 0) {
    response.writeHead(file ? 400 : 404).end();
    return;
  }
  file.content = content;
  response.writeHead(200, { 'content-type': 'text/plain' }).end(`OK - ${content.length}`);
}

/** `url_private`: a file's bytes for the bot's token; without it Slack sends to its sign-in page. */
export function sendFile(workspace: Workspace, request: IncomingMessage, response: ServerResponse, key: string): void {
  const file = workspace.files.get(key.split('-').at(-1) ?? '');
  const isBot = request.headers.authorization === `Bearer ${workspace.botToken}`;
  if (!file?.isShared || !isBot || !workspace.scopes.includes('files:read')) {
    response.writeHead(file ? 302 : 404, { location: '/?redir=files' }).end();
    return;
  }
  response
    .writeHead(200, { 'content-type': file.mimetype, 'content-length': file.content.length })
    .end(Buffer.from(file.content));
}

/** A response URL: JSON, five times within thirty minutes. */
export async function receiveResponse(
  workspace: Workspace,
  responseUrls: ResponseUrls,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<void> {
  const body = parseBody('application/json', await readAll(request), new URLSearchParams());
  const answer = (status: number, error: string | null): void => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(error === null ? { ok: true } : { ok: false, error }));
  };
  if (body.kind === 'broken_json') return answer(400, 'invalid_payload');
  const origin = responseUrls.use(path);
  if (origin === undefined) return answer(404, 'no_service');
  if (typeof origin === 'string') return answer(404, origin);
  try {
    showResponse(workspace, origin, body.args, 'response_url');
    answer(200, null);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    answer(400, error.code);
  }
}
