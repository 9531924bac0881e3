import type { IncomingMessage } from 'node:http';
import type { KubeConfig } from '@kubernetes/client-node';
import { beforeAbort } from './before-abort.ts';
import {
  type ExecAnswer,
  type ExecBounds,
  type ExecClient,
  ExecFailure,
  type ExecPlace,
  execRefused,
  exitCodeIn,
  notBegun,
  parseExecStatus,
} from './exec.ts';
import { type Asked, connectionFailure, statusMessage } from './request-failure.ts';

export type ExecConnection = {
  readonly kubeConfig: KubeConfig;
  /** The API server, with whatever path its kubeconfig gives it. */
  readonly server: string;
  readonly cluster: string;
  readonly address: string;
};

/** Both end with a Status on channel 3; v5 only adds a way to close standard input, which is never open here (KEP-4006). */
const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const channels = { stdout: 1, stderr: 2, status: 3 } as const;
/** What was written may come after the status: each stream is copied by itself on its way. */
const afterStatusMs = 1000;
const largestFrameBytes = 4 * 1024 * 1024;
const refusalBytes = 4096;

/**
 * Runs commands in containers over a WebSocket. The client library's own `Exec` is left aside: it has no deadline and no limit, hides why a
 * handshake was refused, and a frame that it does not expect (an empty one, an unknown channel) ends the process.
 */
export function execClient(connection: ExecConnection, allowsExec: boolean): ExecClient {
  return {
    allowsExec,
    async run(place, command, bounds) {
      const { cluster, address } = connection;
      const asked: Asked = {
        cluster,
        address,
        permission: { verb: 'create', resource: 'pods/exec', namespace: place.namespace },
      };
      const deadline = AbortSignal.timeout(bounds.timeoutMs);
      const signal = bounds.signal === undefined ? deadline : AbortSignal.any([deadline, bounds.signal]);
      try {
        const [{ default: WebSocket }, options] = await beforeAbort(
          Promise.all([import('ws'), credentials(connection.kubeConfig)]),
          signal,
        );
        const socket = new WebSocket(execAddress(connection.server, place, command), protocols, {
          ...options,
          perMessageDeflate: false,
          maxPayload: largestFrameBytes,
        });
        return await answerOf(socket, { asked, place, program: command[0] ?? '' }, bounds, signal);
      } catch (error) {
        if (error instanceof ExecFailure) throw error;
        const { message, advice } = connectionFailure(asked, error, bounds.timeoutMs);
        throw new ExecFailure('unreachable', message, advice);
      }
    },
  };
}

async function credentials(kubeConfig: KubeConfig) {
  const options: Parameters<KubeConfig['applyToHTTPSOptions']>[0] = {};
  await kubeConfig.applyToHTTPSOptions(options);
  return options as import('node:https').RequestOptions;
}

function execAddress(server: string, { namespace, pod, container }: ExecPlace, command: readonly string[]): string {
  const query = new URLSearchParams({ container, stdout: 'true', stderr: 'true' });
  for (const word of command) query.append('command', word);
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/exec?${query}`;
  return server.replace(/^http/, 'ws').replace(/\/$/, '') + path;
}

type Socket = InstanceType<typeof import('ws')['default']>;
type Question = { readonly asked: Asked; readonly place: ExecPlace; readonly program: string };

/** Reads until the command has ended, the connection has, time or patience is over; whichever it was, the socket is gone then. */
function answerOf(
  socket: Socket,
  { asked, place, program }: Question,
  { limitBytes }: ExecBounds,
  signal: AbortSignal,
): Promise<ExecAnswer> {
  return new Promise((resolve, reject) => {
    const parts: { readonly stdout: Buffer[]; readonly stderr: Buffer[] } = { stdout: [], stderr: [] };
    let readBytes = 0;
    let isOpen = false;
    let status: string | undefined;
    let graceTimer: NodeJS.Timeout | undefined;

    const leave = (): void => {
      clearTimeout(graceTimer);
      signal.removeEventListener('abort', onAbort);
      socket.terminate();
    };
    const fail = (error: unknown): void => {
      leave();
      reject(error);
    };
    const finish = (ending: ExecAnswer['ending']): void => {
      leave();
      const stdout = Buffer.concat(parts.stdout).toString('utf8');
      const stderr = Buffer.concat(parts.stderr).toString('utf8');
      const told = status === undefined ? undefined : parseExecStatus(status);
      const exitCode = told === undefined ? undefined : exitCodeIn(told);
      if (told !== undefined && exitCode === undefined) reject(notBegun(place, program, told.message ?? ''));
      // Docker told so by an exit code, and in the command's own output.
      else if ((exitCode === 126 || exitCode === 127) && /OCI runtime|exec failed/.test(stdout + stderr))
        reject(notBegun(place, program, stdout + stderr));
      else
        resolve({
          ending: status === undefined ? ending : ending === 'cut' ? 'ended' : ending,
          exitCode,
          stdout,
          stderr,
        });
    };
    const onAbort = (): void => (isOpen ? finish('deadline') : fail(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });

    socket.on('open', () => {
      isOpen = true;
    });
    socket.on('unexpected-response', (_request: unknown, response: IncomingMessage) => {
      readText(response).then(
        (text) => fail(execRefused(asked, place, response.statusCode ?? 0, statusMessage(text) || text)),
        fail,
      );
    });
    socket.on('message', (data: Buffer) => {
      // Servers begin with an empty frame on each channel.
      if (data.length < 2) return;
      const channel = data[0];
      if (channel === channels.status) {
        status = (status ?? '') + data.subarray(1).toString('utf8');
        graceTimer ??= setTimeout(() => finish('ended'), afterStatusMs);
        return;
      }
      if (channel !== channels.stdout && channel !== channels.stderr) return;
      const room = limitBytes - readBytes;
      const part = data.subarray(1, 1 + room);
      readBytes += part.length;
      parts[channel === channels.stdout ? 'stdout' : 'stderr'].push(part);
      if (data.length - 1 > room) finish('too much');
    });
    socket.on('close', () => finish('cut'));
    socket.on('error', (error: Error) => {
      if (isOpen) finish(/payload/i.test(error.message) ? 'too much' : 'cut');
      else fail(/subprotocol|Sec-WebSocket|Upgrade header/i.test(error.message) ? noUpgrade(asked) : error);
    });
  });
}

function noUpgrade({ address }: Asked): ExecFailure {
  return new ExecFailure(
    'no upgrade',
    `What answers at ${address} speaks no exec over WebSocket.`,
    'A proxy in front of the API server has to pass on Sec-WebSocket-Protocol; API servers speak v4.channel.k8s.io since 1.6.',
  );
}

async function readText(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response) {
    parts.push(part as Buffer);
    bytes += (part as Buffer).length;
    if (bytes > refusalBytes) break;
  }
  return Buffer.concat(parts).toString('utf8');
}
