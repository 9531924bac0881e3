import { createHash, createHmac, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

type Upload = { readonly key: string; readonly parts: Map<number, Buffer>; readonly initiated: string };

type Reply = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
};

/** A bucket of an S3-compatible service in this process: checks signatures (version 4, path style), parts and their order as AWS does. */
export type S3Bucket = {
  readonly settings: {
    readonly bucket: string;
    readonly region: string;
    readonly endpoint: string;
    readonly forcePathStyle: true;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
  };
  /** By key; only what is complete. */
  readonly objects: Map<string, Buffer>;
  readonly uploads: ReadonlyMap<string, Upload>;
  /** Requests so far, `PUT prefix/name?partNumber`. */
  readonly asked: readonly string[];
  /** Answers the next requests of this kind with a status: 403, 500. */
  refuse(kind: RegExp, status: number, times?: number): void;
  stop(): Promise<void>;
};

/** As S3 has it: every part but the last has at least 5 MiB. */
const smallestPart = 5 * 1024 ** 2;

export async function startS3(): Promise<S3Bucket> {
  const bucket = 'backups';
  const [accessKeyId, secretAccessKey, region] = ['test-access', 'test-secret', 'eu-test-1'];
  const objects = new Map<string, Buffer>();
  const modified = new Map<string, string>();
  const uploads = new Map<string, Upload>();
  const asked: string[] = [];
  let refusals: { kind: RegExp; status: number; times: number }[] = [];

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const url = new URL(request.url ?? '', 'http://s3');
    const query = url.searchParams;
    const [, named = '', ...rest] = url.pathname.split('/');
    const key = decodeURIComponent(rest.join('/'));
    const label = `${request.method} ${key}${query.size === 0 ? '' : `?${[...query.keys()].sort().join('&')}`}`;
    asked.push(label);
    const refusal = refusals.find(({ kind, times }) => times > 0 && kind.test(label));
    if (refusal !== undefined) refusal.times -= 1;
    const wrong = wrongSignature(request, url, { accessKeyId, secretAccessKey, region });
    const reply =
      refusal !== undefined
        ? failure(refusal.status, refusal.status === 403 ? 'AccessDenied' : 'InternalError')
        : wrong !== undefined
          ? failure(403, wrong)
          : named !== bucket
            ? failure(404, 'NoSuchBucket')
            : answer(request.method ?? '', key, query, body);
    response.writeHead(reply.status, { ...reply.headers });
    response.end(request.method === 'HEAD' ? undefined : reply.body);
  });

  function answer(method: string, key: string, query: URLSearchParams, body: Buffer): Reply {
    if (key === '') return query.has('uploads') ? xml(listUploads(query.get('prefix'))) : xml(listObjects(query));
    if (method === 'POST' && query.has('uploads')) {
      const id = randomUUID();
      uploads.set(id, { key, parts: new Map(), initiated: new Date().toISOString() });
      return xml(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
    }
    const uploadId = query.get('uploadId');
    if (uploadId !== null) {
      const upload = uploads.get(uploadId);
      if (upload === undefined || upload.key !== key) return failure(404, 'NoSuchUpload');
      if (method === 'POST') return complete(key, uploadId, upload, body);
      if (method === 'PUT') upload.parts.set(Number(query.get('partNumber')), body);
      else uploads.delete(uploadId);
      return { status: method === 'PUT' ? 200 : 204, headers: { etag: etagOf(body) } };
    }
    if (method === 'PUT') {
      store(key, body);
      return { status: 200, headers: { etag: etagOf(body) } };
    }
    const found = objects.get(key);
    if (method === 'DELETE') {
      objects.delete(key);
      return { status: 204 };
    }
    if (found === undefined) return failure(404, 'NoSuchKey');
    return { status: 200, headers: { 'content-length': String(found.length), etag: etagOf(found) }, body: found };
  }

  function complete(key: string, id: string, upload: Upload, body: Buffer): Reply {
    const listed = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber>\s*<ETag>([^<]+)<\/ETag>/g)];
    const numbers = listed.map(([, number]) => Number(number));
    if (numbers.length === 0 || numbers.some((number, index) => index > 0 && number <= (numbers[index - 1] ?? 0)))
      return failure(400, 'InvalidPartOrder');
    const parts = listed.flatMap(([, number, etag = '']) => {
      const part = upload.parts.get(Number(number));
      const isRight = part !== undefined && etagOf(part) === `"${etag.replace(/&quot;|"/g, '')}"`;
      return isRight ? [part] : [];
    });
    if (parts.length < listed.length) return failure(400, 'InvalidPart');
    if (parts.slice(0, -1).some((part) => part.length < smallestPart)) return failure(400, 'EntityTooSmall');
    const made = Buffer.concat(parts);
    store(key, made);
    uploads.delete(id);
    return xml(
      `<CompleteMultipartUploadResult><Key>${key}</Key><ETag>${etagOf(made)}</ETag></CompleteMultipartUploadResult>`,
    );
  }

  function store(key: string, body: Buffer): void {
    objects.set(key, body);
    modified.set(key, new Date().toISOString());
  }

  /** Two to a page, so that a client that reads one page alone is found out. */
  function listObjects(query: URLSearchParams): string {
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? '';
    const keys = [...objects.keys()].sort().filter((key) => key.startsWith(prefix) && key > after);
    const page = keys.slice(0, 2);
    const isTruncated = keys.length > page.length;
    const contents = page.map(
      (key) =>
        `<Contents><Key>${key}</Key><Size>${objects.get(key)?.length}</Size><LastModified>${modified.get(key)}</LastModified></Contents>`,
    );
    return `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${contents.join('')}${isTruncated ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : ''}</ListBucketResult>`;
  }

  function listUploads(prefix: string | null): string {
    const listed = [...uploads].filter(([, { key }]) => key.startsWith(prefix ?? ''));
    return `<ListMultipartUploadsResult>${listed
      .map(
        ([id, { key, initiated }]) =>
          `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${initiated}</Initiated></Upload>`,
      )
      .join('')}</ListMultipartUploadsResult>`;
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    settings: {
      bucket,
      region,
      endpoint: `http://127.0.0.1:${port}`,
      forcePathStyle: true,
      accessKeyId,
      secretAccessKey,
    },
    objects,
    uploads,
    asked,
    refuse(kind, status, times = Number.POSITIVE_INFINITY) {
      refusals = [...refusals, { kind, status, times }];
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const etagOf = (body: Buffer) => `"${createHash('md5').update(body).digest('hex')}"`;

const declaration = '<?xml version="1.0" encoding="UTF-8"?>';

function xml(body: string): Reply {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: `${declaration}${body}` };
}

function failure(status: number, code: string): Reply {
  const body = `${declaration}<Error><Code>${code}</Code><Message>refused</Message></Error>`;
  return { status, headers: { 'content-type': 'application/xml' }, body };
}

/** Signature Version 4 as AWS documents it. @returns S3's code where it is not right */
function wrongSignature(
  request: IncomingMessage,
  url: URL,
  keys: { accessKeyId: string; secretAccessKey: string; region: string },
): string | undefined {
  const [, credential = '', signedHeaders = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    ) ?? [];
  const [accessKeyId, date = '', region = '', service = '', end = ''] = credential.split('/');
  if (accessKeyId !== keys.accessKeyId) return 'InvalidAccessKeyId';
  if (region !== keys.region || service !== 's3' || end !== 'aws4_request') return 'AuthorizationHeaderMalformed';
  const headers = signedHeaders.split(';');
  if (!headers.includes('host') || !headers.includes('x-amz-date')) return 'AccessDenied';
  const query = [...url.searchParams]
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .sort()
    .join('&');
  const canonical = [
    request.method,
    url.pathname,
    query,
    ...headers.map((name) => `${name}:${String(request.headers[name] ?? '').trim()}`),
    '',
    signedHeaders,
    request.headers['x-amz-content-sha256'],
  ].join('\n');
  const toSign = [
    'AWS4-HMAC-SHA256',
    request.headers['x-amz-date'],
    [date, region, service, end].join('/'),
    createHash('sha256').update(canonical).digest('hex'),
  ].join('\n');
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const key = [date, region, service, end].reduce<string | Buffer>(hmac, `AWS4${keys.secretAccessKey}`);
  return hmac(key, toSign).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch';
}
