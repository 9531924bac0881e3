import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type WebSocket from 'ws';
import { WebSocketServer } from 'ws';
import { accessOf, isAllowed, type User } from './access.ts';
import { type Fault, faultFailure } from './fault.ts';
import { fieldsAt, type KubernetesObject, listAt, textAt } from './object.ts';
import type { RequestInfo, ResourceRequest } from './request.ts';
import { badRequest, Failure, forbidden, noSuchResource, notFound, unauthorized } from './status.ts';

/** A command that was run in a container. */
export type ExecRequest = {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
};

/** What it comes to. Without anything it ends well and says nothing. */
export type ExecReply = {
  readonly stdout?: string;
  readonly stderr?: string;
  /** 0 where not given. */
  readonly exitCode?: number;
  /** The runtime could not start it: its own words, in a Status without an exit code. */
  readonly notStarted?: string;
  readonly delayMs?: number;
  /**
   * How it goes wrong on the way: `cut` after the first half of the output, `hang` after it, `silent` from the first byte, `no status` at the
   * end; `odd frames` come in between, of kinds that nobody sends.
   */
  readonly trouble?: 'cut' | 'hang' | 'silent' | 'no status' | 'odd frames' | 'late output';
  /** The kubelet refuses before anything is run. */
  readonly refused?: { readonly code: number; readonly text: string };
  /** The only protocol of this server; the newest of the client's where not given. */
  readonly protocol?: string;
};

export type ExecAnswers = (request: ExecRequest) => ExecReply | Promise<ExecReply>;

type Upgrade = {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly address: URL;
  readonly info: RequestInfo;
  readonly user: User | undefined;
  readonly fault: Fault | undefined;
};

const channel = { stdout: 1, stderr: 2, status: 3 } as const;
const spoken = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
/** As large as a kubelet's own. */
const frameBytes = 32 * 1024;

/** The exec endpoint: who may, what of the pod is asked for, and a WebSocket in the protocol that both know. */
export class Execs {
  readonly #cluster: {
    readonly version: string;
    find(namespace: string, name: string): KubernetesObject | undefined;
  };
  readonly #seen: ExecRequest[] = [];
  readonly #sockets = new Set<Duplex>();
  #answers: ExecAnswers | undefined;

  constructor(cluster: { version: string; find(namespace: string, name: string): KubernetesObject | undefined }) {
    this.#cluster = cluster;
  }

  set(answers: ExecAnswers): void {
    this.#answers = answers;
  }

  requests(): readonly ExecRequest[] {
    return [...this.#seen];
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  answer(upgrade: Upgrade): void {
    const { socket } = upgrade;
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    this.#serve(upgrade).catch((error: unknown) => refuse(socket, error));
  }

  async #serve({ request, socket, head, address, info, user, fault }: Upgrade): Promise<void> {
    if (fault?.kind === 'hang' || fault?.kind === 'silent') return;
    if (fault?.kind === 'reset' || fault?.kind === 'lost') {
      socket.destroy();
      return;
    }
    if (fault !== undefined) throw faultFailure(fault, info, user?.name ?? 'system:anonymous');
    if (user === undefined) throw unauthorized();
    if (info.kind !== 'resource' || info.resource !== 'pods' || info.subresource !== 'exec') throw noSuchResource();
    this.#demandAccess(info, user);
    const asked = this.#execIn(info, address.searchParams);
    this.#seen.push(asked);
    const reply = (await this.#answers?.(asked)) ?? { notStarted: 'no runtime' };
    if (reply.refused !== undefined) throw new Failure(reply.refused);
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(/,\s*/);
    const protocol = reply.protocol ?? offered.find((each) => spoken.includes(each));
    const server = new WebSocketServer({ noServer: true, handleProtocols: () => protocol ?? false });
    server.handleUpgrade(request, socket, head, (end) => {
      end.on('error', () => end.terminate());
      void answerCommand(end, reply);
    });
  }

  /** A WebSocket is a GET, so `get` is what is asked; from 1.35 on `create` as well (KEP-4006). */
  #demandAccess(info: ResourceRequest, user: User): void {
    const minor = Number(/^v1\.(\d+)/.exec(this.#cluster.version)?.[1] ?? 0);
    for (const verb of minor >= 35 ? ['get', 'create'] : ['get']) {
      const access = accessOf({ ...info, verb });
      if (!isAllowed(user, access)) throw forbidden(user.name, access);
    }
  }

  #execIn({ namespace, name }: ResourceRequest, query: URLSearchParams): ExecRequest {
    const pod = this.#cluster.find(namespace, name);
    if (pod === undefined) throw notFound('', 'pods', name);
    const container = query.get('container') ?? '';
    const names = ['containers', 'initContainers', 'ephemeralContainers'].flatMap((field) =>
      listAt(pod, 'spec', field).map((each) => textAt(each, 'name')),
    );
    if (!names.includes(container)) throw badRequest(`container ${container} is not valid for pod ${name}`);
    const statuses = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'].flatMap((field) =>
      listAt(pod, 'status', field),
    );
    const status = statuses.find((each) => textAt(each, 'name') === container);
    if (fieldsAt(status, 'state').running === undefined)
      throw new Failure({ code: 500, text: `unable to upgrade connection: container not found ("${container}")` });
    return { namespace, pod: name, container, command: query.getAll('command') };
  }
}

async function answerCommand(socket: WebSocket, reply: ExecReply): Promise<void> {
  const { stdout = '', stderr = '', exitCode = 0, trouble, delayMs = 0 } = reply;
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
  // A real server begins with an empty frame on each of its channels.
  for (const number of [channel.stdout, channel.stderr, channel.status]) socket.send(Buffer.from([number]));
  if (trouble === 'silent') return;
  if (trouble === 'odd frames') {
    socket.send(Buffer.alloc(0));
    socket.send(Buffer.from([9, 1, 2, 3]));
    socket.send('a text');
    socket.send(Buffer.from([255, 1]));
  }
  const output = Buffer.from(stdout);
  const shown = trouble === 'cut' || trouble === 'hang' ? output.subarray(0, Math.ceil(output.length / 2)) : output;
  if (trouble === 'late output') sendStatus(socket, reply, exitCode);
  sendAll(socket, channel.stdout, shown);
  sendAll(socket, channel.stderr, Buffer.from(stderr));
  if (trouble === 'hang') return;
  if (trouble === 'cut') {
    setTimeout(() => socket.terminate(), 20);
    return;
  }
  if (trouble !== 'no status' && trouble !== 'late output') sendStatus(socket, reply, exitCode);
  socket.close(1000);
}

function sendAll(socket: WebSocket, number: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; at += frameBytes)
    socket.send(Buffer.concat([Buffer.from([number]), bytes.subarray(at, at + frameBytes)]));
}

function sendStatus(socket: WebSocket, { notStarted }: ExecReply, exitCode: number): void {
  const status =
    notStarted !== undefined
      ? {
          metadata: {},
          status: 'Failure',
          message: `Internal error occurred: error executing command in container: ${notStarted}`,
          reason: 'InternalError',
          details: { causes: [{ message: notStarted }] },
          code: 500,
        }
      : exitCode === 0
        ? { metadata: {}, status: 'Success' }
        : {
            metadata: {},
            status: 'Failure',
            message: `command terminated with non-zero exit code: exit status ${exitCode}`,
            reason: 'NonZeroExitCode',
            details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
          };
  socket.send(Buffer.concat([Buffer.from([channel.status]), Buffer.from(JSON.stringify(status))]));
}

function refuse(socket: Duplex, error: unknown): void {
  const { code, body } =
    error instanceof Failure ? error : new Failure({ code: 500, text: error instanceof Error ? error.message : '' });
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? 'text/plain' : 'application/json';
  socket.end(
    `HTTP/1.1 ${code} Refused\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
  );
}
