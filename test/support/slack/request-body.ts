import type { IncomingMessage } from 'node:http';
import { isFields, parseJson } from './json.ts';

/** What a call carried: plain arguments, and the files of a multipart body. */
export type Body = {
  readonly kind: 'form' | 'json' | 'multipart' | 'other' | 'broken_json';
  readonly args: Readonly<Record<string, unknown>>;
  readonly files: readonly { readonly name: string; readonly filename: string; readonly content: Buffer }[];
  readonly raw: Buffer;
};

const largestBodyBytes = 64 * 1024 * 1024;

/** The whole body of a request, as it came. */
export async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const part = chunk as Buffer;
    bytes += part.length;
    if (bytes > largestBodyBytes) throw new Error(`a body of more than ${largestBodyBytes} bytes`);
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}

/** Takes a body apart by its content type: form-encoded, JSON or multipart, and the query string besides. */
export function parseBody(contentType: string, raw: Buffer, query: URLSearchParams): Body {
  const fromQuery = Object.fromEntries(query);
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/x-www-form-urlencoded') {
    const args = { ...fromQuery, ...Object.fromEntries(new URLSearchParams(raw.toString('utf8'))) };
    return { kind: 'form', args, files: [], raw };
  }
  if (type === 'application/json') {
    const value = raw.length === 0 ? {} : parseJson(raw.toString('utf8'));
    if (!isFields(value)) return { kind: 'broken_json', args: fromQuery, files: [], raw };
    return { kind: 'json', args: { ...fromQuery, ...value }, files: [], raw };
  }
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (type === 'multipart/form-data' && boundary !== undefined) {
    const args: Record<string, unknown> = { ...fromQuery };
    const files: { name: string; filename: string; content: Buffer }[] = [];
    for (const part of partsOf(raw, boundary)) {
      const name = /\bname="([^"]*)"/i.exec(part.head)?.[1] ?? '';
      const filename = /\bfilename="([^"]*)"/i.exec(part.head)?.[1];
      if (filename === undefined) args[name] = part.content.toString('utf8');
      else files.push({ name, filename, content: part.content });
    }
    return { kind: 'multipart', args, files, raw };
  }
  return { kind: 'other', args: fromQuery, files: [], raw };
}

function partsOf(raw: Buffer, boundary: string): { readonly head: string; readonly content: Buffer }[] {
  const delimiter = Buffer.from(`--${boundary}`);
  const parts: { head: string; content: Buffer }[] = [];
  let at = raw.indexOf(delimiter);
  while (at >= 0) {
    const from = at + delimiter.length + 2;
    const next = raw.indexOf(delimiter, from);
    if (next < 0) break;
    const part = raw.subarray(from, next - 2);
    const split = part.indexOf('\r\n\r\n');
    if (split >= 0) parts.push({ head: part.subarray(0, split).toString('utf8'), content: part.subarray(split + 4) });
    at = next;
  }
  return parts;
}
