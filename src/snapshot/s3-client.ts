import { setTimeout as wait } from 'node:timers/promises';
import { S3mini, S3ServiceError, type UploadPart } from 's3mini';
import { Refusal } from '../refusal.ts';
import { codeOf, messageOf } from '../thrown.ts';
import type { SnapshotPlace } from './settings.ts';
import type { SnapshotStorage, StoredFile } from './storage.ts';

/** S3 takes at most 10,000 parts: 80 GB. Two of them are in memory at a time. */
const partBytes = 8 * 1024 ** 2;
const partsAtOnce = 2;
const requestTimeoutMs = 120_000;
const attempts = 3;

type Bucket = Extract<SnapshotPlace, { kind: 's3' }>;

/**
 * Snapshots in a bucket of an S3-compatible service. What is written is a multipart upload: nobody sees it before it is complete, and an upload that
 * comes to nothing is aborted, so that no part of it is left and paid for.
 */
export function openBucket(place: Bucket, cluster: string): SnapshotStorage {
  const folder = [place.prefix.replace(/^\/+|\/+$/g, ''), cluster].filter((part) => part !== '').join('/');
  const keyOf = (name: string) => `${folder}/${name}`;
  const where = `s3://${place.bucket}/${folder}`;
  const closing = new AbortController();
  const client = (signal?: AbortSignal) =>
    new S3mini({
      accessKeyId: place.accessKeyId,
      secretAccessKey: place.secretAccessKey,
      region: place.region,
      endpoint: bucketUrl(place),
      fetch: (input, init) =>
        fetch(input, {
          ...init,
          signal: AbortSignal.any([
            closing.signal,
            AbortSignal.timeout(requestTimeoutMs),
            ...(signal === undefined ? [] : [signal]),
          ]),
        }),
    });
  const bucket = client();

  /** One call, its trouble in words that say what to mend. */
  async function asking<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw explained(what, error);
    }
  }

  function explained(what: string, error: unknown): unknown {
    if (error instanceof Refusal) return error;
    // A listing that is refused comes as a plain error, with the status in its text.
    const said = messageOf(error);
    const status =
      error instanceof S3ServiceError
        ? error.status
        : Number(/failed with status (\d{3})|returned (\d{3})/.exec(said)?.[1]);
    const service =
      (error instanceof S3ServiceError ? (error.body ?? '') : said).match(/<Code>(\w+)<\/Code>/)?.[1] ?? '';
    if (/InvalidAccessKeyId|SignatureDoesNotMatch/.test(service))
      return new Refusal(
        `The bucket ${place.bucket} does not take the key ${place.accessKeyId} (${service}).`,
        'Correct snapshots.to.s3.accessKeyId, secretAccessKey and region in quorum.yaml.',
      );
    if (status === 403)
      return new Refusal(
        `The bucket ${place.bucket} forbids to ${what}${service === '' ? '' : ` (${service})`}.`,
        `Grant ${place.accessKeyId} s3:ListBucket and s3:ListBucketMultipartUploads on ${place.bucket}, and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on ${place.bucket}/${folder}/*.`,
      );
    if (status === 404 || service === 'NoSuchBucket')
      return new Refusal(
        `There is no bucket ${place.bucket} at ${place.endpoint}${service === 'NoSuchKey' ? ', or the file in it is gone' : ''}.`,
        'Make it, or correct snapshots.to.s3 in quorum.yaml.',
      );
    if (status === 301 || status === 400)
      return new Refusal(
        `The bucket ${place.bucket} refused to ${what}: ${service === '' ? `HTTP ${status}` : service}.`,
        'Look at region, endpoint and forcePathStyle under snapshots.to.s3 in quorum.yaml.',
      );
    const cause = causeOf(error);
    if (cause !== '' || /fetch failed|S3 network error|aborted due to timeout/.test(said))
      return new Refusal(
        `${place.endpoint} cannot be reached: ${cause === '' ? said : cause}.`,
        'Look at the network between the bot and it, or correct snapshots.to.s3.endpoint in quorum.yaml.',
      );
    if (status >= 500) return new Refusal(`${place.endpoint} failed to ${what}: HTTP ${status}.`, 'Ask again later.');
    return error;
  }

  async function put(name: string, body: string | Uint8Array, signal?: AbortSignal): Promise<void> {
    await asking(`write ${name}`, () => patiently(() => client(signal).putObject(keyOf(name), body)));
  }

  /** Several parts side by side, as many as are held in memory. */
  async function uploadParts(
    name: string,
    uploadId: string,
    pieces: AsyncIterable<Uint8Array>,
    writing: S3mini,
  ): Promise<{ parts: UploadPart[]; written: number }> {
    const parts: UploadPart[] = [];
    const running = new Set<Promise<void>>();
    let written = 0;
    let number = 0;
    let failure: { error: unknown } | undefined;
    try {
      for await (const piece of pieces) {
        number += 1;
        const partNumber = number;
        const sending = patiently(() => writing.uploadPart(keyOf(name), uploadId, piece, partNumber)).then(
          (part) => {
            parts.push(part);
            written += piece.length;
          },
          (error: unknown) => {
            failure ??= { error };
          },
        );
        running.add(sending);
        sending.then(() => running.delete(sending));
        if (running.size >= partsAtOnce) await Promise.race(running);
        if (failure !== undefined) break;
      }
    } finally {
      // A part that arrives after the upload was aborted would stay.
      await Promise.all(running);
    }
    if (failure !== undefined) throw failure.error;
    return { parts: parts.sort((a, b) => a.partNumber - b.partNumber), written };
  }

  return {
    where,
    async list() {
      const found = await asking('list what is in it', () => bucket.listObjects('/', `${folder}/`));
      if (found === null) throw explained('list what is in it', Object.assign(new Error('failed with status 404')));
      return found.flatMap(({ Key: key, Size: bytes, LastModified: modified }): StoredFile[] => {
        const name = key.startsWith(`${folder}/`) ? key.slice(folder.length + 1) : '';
        return name === '' || name.includes('/') ? [] : [{ name, bytes, modifiedAt: modified.toISOString() }];
      });
    },
    async readText(name) {
      const text = await asking(`read ${name}`, () => bucket.getObject(keyOf(name)));
      if (text === null) throw new Refusal(`${where}/${name} is gone.`, '`/etcd snapshots` lists what there is.');
      return text;
    },
    async *read(name) {
      const response = await asking(`read ${name}`, () =>
        // The time limit of a request is not for a whole snapshot.
        new S3mini({
          accessKeyId: place.accessKeyId,
          secretAccessKey: place.secretAccessKey,
          region: place.region,
          endpoint: bucketUrl(place),
          fetch: (input, init) => fetch(input, { ...init, signal: closing.signal }),
        }).getObjectResponse(keyOf(name)),
      );
      if (response?.body == null)
        throw new Refusal(`${where}/${name} is gone.`, '`/etcd snapshots` lists what there is.');
      try {
        yield* response.body;
      } catch (error) {
        throw explained(`read ${name}`, error);
      }
    },
    async write(name, source, signal) {
      const writing = client(signal);
      const uploadId = await asking(`write ${name}`, () => writing.getMultipartUploadId(keyOf(name)));
      try {
        const { parts, written } = await uploadParts(name, uploadId, inParts(source), writing);
        signal.throwIfAborted();
        const made = await writing.completeMultipartUpload(keyOf(name), uploadId, parts);
        // S3 may say 200 and put an error into the body (API reference, CompleteMultipartUpload).
        if (typeof made.etag !== 'string') throw new Error(`the upload was not completed: ${JSON.stringify(made)}`);
        return written;
      } catch (error) {
        // With a client of its own: the signal may be what ended the upload.
        await client()
          .abortMultipartUpload(keyOf(name), uploadId)
          .catch(() => {});
        signal.throwIfAborted();
        throw explained(`write ${name}`, error);
      }
    },
    writeText: (name, text) => put(name, text),
    async remove(name) {
      await asking(`delete ${name}`, () => bucket.deleteObject(keyOf(name)));
    },
    async unfinished() {
      const listed: unknown = await asking('list unfinished uploads', () =>
        bucket.listMultipartUploads('/', '', 'GET', { prefix: `${folder}/` }),
      );
      return uploadsIn(listed, folder);
    },
    async removeUnfinished(name) {
      const [file, uploadId = ''] = name.split('?');
      await asking('abort an upload', () => bucket.abortMultipartUpload(keyOf(file ?? ''), uploadId));
    },
    freeBytes: async () => null,
    close: () => closing.abort(),
  };
}

function bucketUrl({ endpoint, bucket, forcePathStyle }: Bucket): string {
  const url = new URL(endpoint);
  if (!forcePathStyle) {
    url.hostname = `${bucket}.${url.hostname}`;
    return url.href.replace(/\/$/, '');
  }
  return `${url.href.replace(/\/$/, '')}/${bucket}`;
}

/** Parts of one size but for the last one, as S3 wants them. */
async function* inParts(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let part = Buffer.allocUnsafe(partBytes);
  let filled = 0;
  for await (const bytes of source) {
    for (let at = 0; at < bytes.length; ) {
      const taken = Math.min(partBytes - filled, bytes.length - at);
      part.set(bytes.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
      if (filled < partBytes) continue;
      yield part;
      part = Buffer.allocUnsafe(partBytes);
      filled = 0;
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}

/** Tries again what failed on the way or in the service; what it refuses is final. */
async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const isFinal = error instanceof S3ServiceError && error.status < 500 && error.status !== 429;
      const isAborted = error instanceof Error && error.name === 'AbortError';
      if (isFinal || isAborted || attempt === attempts) throw error;
      await wait(200 * 4 ** attempt);
    }
  }
}

function causeOf(error: unknown): string {
  const cause = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
  return cause === undefined ? '' : codeOf(cause) || messageOf(cause);
}

/** The unfinished uploads of a listing, each by its file and its id: `name?id`. */
function uploadsIn(listed: unknown, folder: string): StoredFile[] {
  const result = fieldOf(listed, 'ListMultipartUploadsResult') ?? listed;
  const uploads = fieldOf(result, 'Upload') ?? [];
  return [uploads].flat().flatMap((upload): StoredFile[] => {
    const key = fieldOf(upload, 'Key');
    const uploadId = fieldOf(upload, 'UploadId');
    const at = fieldOf(upload, 'Initiated');
    if (typeof key !== 'string' || typeof uploadId !== 'string' || !key.startsWith(`${folder}/`)) return [];
    return [
      {
        name: `${key.slice(folder.length + 1)}?${uploadId}`,
        bytes: 0,
        modifiedAt: typeof at === 'string' ? at : new Date(0).toISOString(),
      },
    ];
  });
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}
