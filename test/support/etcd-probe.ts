import { Client, credentials } from '@grpc/grpc-js';
import type { Certificate } from './certificates.ts';

/** Asks one member the two questions that tell whether it is up, without any client of the bot's own. */
export interface EtcdProbe {
  /** Maintenance.Status: answered by a member that runs, with or without a leader. */
  answers(timeoutMs: number): Promise<true>;
  /** A linearizable read: answered only where the member has a leader and a quorum. */
  readsLinearizably(timeoutMs: number): Promise<true>;
  close(): void;
}

/** Opens a probe; the address is host:port, without certificates it speaks plain text. */
export function openProbe(address: string, tls?: { readonly caPem: string; readonly client: Certificate }): EtcdProbe {
  const security =
    tls === undefined
      ? credentials.createInsecure()
      : credentials.createSsl(
          Buffer.from(tls.caPem),
          Buffer.from(tls.client.keyPem),
          Buffer.from(tls.client.certPem),
          // The question is whether the member is up: some tests give it an expired certificate on purpose.
          { rejectUnauthorized: false },
        );
  const client = new Client(address, security, {
    'grpc.enable_http_proxy': 0,
    'grpc.initial_reconnect_backoff_ms': 20,
    'grpc.min_reconnect_backoff_ms': 20,
    'grpc.max_reconnect_backoff_ms': 100,
    // Otherwise grpc-js shares one connection between all that ask the same address.
    'grpc.use_local_subchannel_pool': 1,
  });
  const ask = (path: string, request: Buffer, timeoutMs: number): Promise<true> =>
    new Promise((resolve, reject) => {
      const asIs = (bytes: Buffer): Buffer => bytes;
      const deadline = Date.now() + timeoutMs;
      client.makeUnaryRequest(path, asIs, asIs, request, { deadline }, (error) => {
        if (error === null) resolve(true);
        else reject(error);
      });
    });
  return {
    answers: (timeoutMs) => ask('/etcdserverpb.Maintenance/Status', Buffer.alloc(0), timeoutMs),
    readsLinearizably: (timeoutMs) => ask('/etcdserverpb.KV/Range', RANGE_REQUEST, timeoutMs),
    close: () => client.close(),
  };
}

/** RangeRequest { key: "ready" } in protobuf: field 1, length-delimited. */
const RANGE_REQUEST = Buffer.concat([Buffer.from([0x0a, 5]), Buffer.from('ready')]);
