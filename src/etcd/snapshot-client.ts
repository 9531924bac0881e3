import * as grpc from '@grpc/grpc-js';
import { fromJSON, type MethodDefinition } from '@grpc/proto-loader';
import type { Credentials } from './credentials-client.ts';
import { addressOf, hostPort } from './endpoint.ts';
import { channelOptions, type TokenHolder, withToken } from './member-channel-client.ts';
import { maintenanceProtocol } from './protocol.ts';

/** A piece of a member's database, and how many bytes of it are still to come. */
export type SnapshotPart = { readonly bytes: Uint8Array; readonly remainingBytes: number };

/** When a stream is given up. */
export type StreamLimits = {
  readonly signal: AbortSignal;
  /** How long all of it may take. */
  readonly timeoutMs: number;
  /** How long nothing may come. */
  readonly stalledAfterMs: number;
};

type WireSnapshot = { readonly remaining_bytes: string; readonly blob: Uint8Array };

/** Node's own window of 64 KiB would make a distant member wait for us after each two pieces. */
const windowBytes = 2 * 1024 ** 2;

/**
 * Streams a member's database as etcd has it at this moment, the sha256 of it behind it. Nothing is read ahead of whoever takes the pieces.
 * Uses a connection of its own: a look at the cluster does not wait behind it.
 * @throws the driver's error (see `failureOf`) where the stream does not end by itself and well; after such an error what came is worthless
 */
export async function* streamSnapshot(
  endpoint: string,
  credentials: Credentials,
  token: TokenHolder,
  { signal, timeoutMs, stalledAfterMs }: StreamLimits,
): AsyncGenerator<SnapshotPart> {
  const { host, port, isTls } = addressOf(endpoint);
  const transport = isTls
    ? grpc.credentials.createFromSecureContext(credentials.context)
    : grpc.credentials.createInsecure();
  const client = new grpc.Client(hostPort(host, port), transport, {
    ...channelOptions,
    'grpc-node.flow_control_window': windowBytes,
    interceptors: [withToken(token)],
  });
  const call = client.makeServerStreamRequest<object, WireSnapshot>(
    snapshotMethod.path,
    snapshotMethod.requestSerialize,
    snapshotMethod.responseDeserialize,
    {},
    new grpc.Metadata(),
    { deadline: new Date(Date.now() + timeoutMs) },
  );
  const cancel = () => call.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  let hasStalled = false;
  const watch = () =>
    setTimeout(() => {
      hasStalled = true;
      call.cancel();
    }, stalledAfterMs);
  let stalled = watch();
  // grpc-js says 'end' after an error too: the status is the only thing that tells a whole stream from a cut one.
  const ended = new Promise<grpc.StatusObject>((resolve) => call.once('status', resolve));
  call.on('error', () => {});
  try {
    signal.throwIfAborted();
    for await (const { blob, remaining_bytes } of call as AsyncIterable<WireSnapshot>) {
      // Whoever takes the pieces may take their time: only waiting for the member counts.
      clearTimeout(stalled);
      yield { bytes: blob, remainingBytes: Number(remaining_bytes) };
      stalled = watch();
    }
    const { code, details } = await ended;
    if (code !== grpc.status.OK) throw Object.assign(new Error(`${code} ${grpc.status[code]}: ${details}`), { code });
  } catch (error) {
    signal.throwIfAborted();
    if (hasStalled)
      throw Object.assign(new Error(`4 DEADLINE_EXCEEDED: nothing came for ${stalledAfterMs / 1000} s`), { code: 4 });
    throw error;
  } finally {
    clearTimeout(stalled);
    signal.removeEventListener('abort', cancel);
    call.cancel();
    client.close();
  }
}

const snapshotMethod = loadSnapshotMethod();

function loadSnapshotMethod(): MethodDefinition<object, WireSnapshot> {
  const loaded = fromJSON(maintenanceProtocol, { keepCase: true, longs: String, enums: String, defaults: true });
  const service: unknown = loaded['etcdserverpb.Maintenance'];
  return (service as { readonly Snapshot: MethodDefinition<object, WireSnapshot> }).Snapshot;
}
