import { randomBytes, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { accessOf, admin, adminName, isAllowed, type User } from './access.ts';
import { Cluster, type Recorded } from './cluster.ts';
import { type ExecAnswers, type ExecRequest, Execs } from './exec.ts';
import { type Fault, Faults, faultFailure } from './fault.ts';
import { kubeconfigText } from './kubeconfig.ts';
import type { Usage } from './metrics.ts';
import type { KubernetesObject } from './object.ts';
import { requestInfo } from './request.ts';
import { Failure, forbidden, unauthorized } from './status.ts';
import type { Break } from './watch.ts';

/** A request as it came in, also one that was refused. `user` is '' when its token is nobody's. */
export type SeenRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly user: string;
  readonly at: Date;
};

export type KubernetesOptions = Partial<Recorded> & {
  /** Who else may come in; `admin`, who may do everything, always may. */
  readonly users?: readonly User[];
  /** The most objects on one page of a list that asks for pages. */
  readonly pageSize?: number;
  /** Whether metrics.k8s.io is there: served, not installed, or installed and down. */
  readonly metricsApi?: 'served' | 'absent' | 'unavailable';
  /** What /version says: `v1.20.15`. */
  readonly version?: string;
  /** How a watch is refused whose version is forgotten: within its stream, or by its status. */
  readonly expiredWatch?: 'event' | 'status';
  readonly now?: () => Date;
};

/** An API server in this process: what it holds, what goes wrong, and who asked. */
export type KubernetesApi = {
  readonly url: string;
  /** The bearer token of `admin`. */
  readonly token: string;
  /** A kubeconfig for one of the users, as YAML. */
  kubeconfig(user?: string): string;
  writeKubeconfig(path: string, user?: string): Promise<void>;
  /** Creates or replaces; namespaces that the objects name are created where missing. */
  load(objects: readonly KubernetesObject[]): void;
  remove(kind: string, namespace: string, name: string): void;
  /** What is kept under this name now. @throws where there is none */
  get(kind: string, namespace: string, name: string): KubernetesObject;
  /** All of a kind in a namespace. */
  all(kind: string, namespace: string): readonly KubernetesObject[];
  /** Calls back at each later write, whoever does it; the result ends that. */
  onWrite(listener: (object: KubernetesObject, type: 'ADDED' | 'MODIFIED' | 'DELETED') => void): () => void;
  setLog(namespace: string, pod: string, container: string, text: string, options?: { previous?: boolean }): void;
  setMetrics(namespace: string, pod: string, containers: Readonly<Record<string, Usage>>): void;
  setNodeMetrics(node: string, usage: Usage): void;
  /** What commands in containers come to, from now on; without it there is no runtime that runs any. */
  setExec(answers: ExecAnswers): void;
  /** The commands that were run in containers. */
  executed(): readonly ExecRequest[];
  fault(fault: Fault): void;
  clearFaults(): void;
  /** Forgets older states: pages and watches that began before end with 410. */
  compact(): void;
  /** Tells every watch that asked for bookmarks how far the store is; a real server does so about once a minute. */
  bookmark(): void;
  /** Writes a line to every open watch, whatever it says. How many there are. */
  tellWatches(line: string): number;
  /** Breaks every open watch; later ones work. How many there were. */
  breakWatches(how: Break): number;
  /** Nobody listens any more: connections are refused, until `up`. */
  down(): Promise<void>;
  /** Listens again, at the same address. */
  up(): Promise<void>;
  requests(): readonly SeenRequest[];
  stop(): Promise<void>;
};

/** Starts an API server on a free loopback port. */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<KubernetesApi> {
  const now = options.now ?? (() => new Date());
  const token = randomBytes(16).toString('hex');
  const users = [admin(token), ...(options.users ?? [])];
  const cluster = new Cluster({
    pageSize: options.pageSize ?? Number.POSITIVE_INFINITY,
    metricsApi: options.metricsApi ?? 'served',
    version: options.version ?? 'v1.20.15',
    expiredWatch: options.expiredWatch ?? 'event',
    now,
  });
  cluster.record({ objects: options.objects ?? [], logs: options.logs ?? [], metrics: options.metrics ?? [] });
  const faults = new Faults();
  const seen: SeenRequest[] = [];

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendFailure(response, failureOf(error));
    });
  });
  // As long as a real one keeps a connection that is not used: with Node's 5 s a busy machine meets one that is just being closed.
  server.keepAliveTimeout = 180_000;

  const execs = new Execs({
    version: options.version ?? 'v1.20.15',
    find: (namespace, name) => cluster.find('Pod', namespace, name),
  });
  server.on('upgrade', (request, socket, head) => {
    const address = new URL(request.url ?? '/', 'http://localhost');
    const user = users.find((each) => request.headers.authorization === `Bearer ${each.token}`);
    const method = request.method ?? 'GET';
    const query = Object.fromEntries(address.searchParams);
    seen.push({ method, path: address.pathname, query, user: user?.name ?? '', at: now() });
    const info = requestInfo(method, address.pathname, address.searchParams);
    const fault = faults.take(address.pathname, info);
    execs.answer({ request, socket, head, address, info, user, fault });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? 'GET';
    const address = new URL(request.url ?? '/', 'http://localhost');
    const query = address.searchParams;
    const user = users.find((each) => request.headers.authorization === `Bearer ${each.token}`);
    seen.push({
      method,
      path: address.pathname,
      query: Object.fromEntries(query),
      user: user?.name ?? '',
      at: now(),
    });
    const body = await bodyOf(request);
    const info = requestInfo(method, address.pathname, query);
    const fault = faults.take(address.pathname, info);
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'silent') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      return;
    }
    if (fault?.kind === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    if (fault !== undefined && fault.kind !== 'lost') throw faultFailure(fault, info, user?.name ?? 'system:anonymous');
    if (user === undefined) throw unauthorized();
    const access = accessOf(info);
    if (!isAllowed(user, access)) throw forbidden(user.name, access);
    const reply = cluster.answer({ info, query, user, body, path: address.pathname });
    if (fault?.kind === 'lost') {
      request.socket.resetAndDestroy();
      return;
    }
    if ('stream' in reply) reply.stream(response);
    else if ('text' in reply) send(response, { code: 200, type: reply.type ?? 'text/plain', body: reply.text });
    else send(response, { code: reply.code ?? 200, type: 'application/json', body: JSON.stringify(reply.json) });
  }

  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject);
        resolve();
      });
    });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      execs.close();
      server.closeAllConnections();
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  function kubeconfig(name: string = adminName): string {
    const user = users.find((each) => each.name === name);
    if (user === undefined) throw new Error(`no user ${name}; there are ${users.map((each) => each.name).join(', ')}`);
    return kubeconfigText({ url, user: user.name, token: user.token });
  }

  return {
    url,
    token,
    kubeconfig,
    writeKubeconfig: (path, user) => writeFile(path, kubeconfig(user), { mode: 0o600 }),
    load: (objects) => cluster.load(objects),
    remove: (kind, namespace, name) => cluster.remove(kind, namespace, name),
    get(kind, namespace, name) {
      const found = cluster.find(kind, namespace, name);
      if (found === undefined) throw new Error(`no ${kind} ${namespace}/${name}`);
      return found;
    },
    all: (kind, namespace) => cluster.all(kind, namespace),
    onWrite: (listener) => cluster.listen(({ object, type }) => listener(object, type)),
    setLog: (namespace, pod, container, text, { previous = false } = {}) =>
      cluster.setLog({ namespace, pod, container, text, run: previous ? 'previous' : 'current' }),
    setMetrics: (namespace, pod, containers) => cluster.setMetrics({ namespace, pod, containers }),
    setNodeMetrics: (node, usage) => cluster.setMetrics({ node, usage }),
    setExec: (answers) => execs.set(answers),
    executed: () => execs.requests(),
    fault: (fault) => faults.add(fault),
    clearFaults: () => faults.clear(),
    compact: () => cluster.compact(),
    bookmark: () => cluster.bookmark(),
    tellWatches: (line) => cluster.tellWatches(line),
    breakWatches: (how) => cluster.breakWatches(how),
    down: close,
    up: () => listen(port),
    requests: () => [...seen],
    stop: close,
  };
}

function send(
  response: ServerResponse,
  { code, type, body }: { code: number; type: string; body: string | Buffer },
): void {
  response.writeHead(code, {
    'content-type': type,
    'cache-control': 'no-cache, private',
    'audit-id': randomUUID(),
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

function sendFailure(response: ServerResponse, { code, body, headers }: Failure): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (typeof body === 'string') send(response, { code, type: 'text/plain; charset=utf-8', body });
  else send(response, { code, type: 'application/json', body: JSON.stringify(body) });
}

function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new Failure({ code: 500, text: `Internal error occurred: ${why}\n` });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
