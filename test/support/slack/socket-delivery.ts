import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Answer, Delivery, DeliveryType, Retry, Timing } from './delivery.ts';
import { isFields, parseJson } from './json.ts';
import type { Fields } from './model.ts';
import type { WebSocketEnd } from './websocket.ts';
import { acceptWebSocket } from './websocket.ts';

type Connection = {
  readonly end: WebSocketEnd;
  /** A warned connection gets nothing new. */
  isTaking: boolean;
  missedPongs: number;
};

type Pending = { readonly connection: Connection; readonly sentAtMs: number; settle(answer: Answer): void };

/** Slack allows an app ten connections at a time. */
const mostConnections = 10;
/** How long a client has for its half of the closing handshake when the workspace ends. */
const goodbyeMs = 300;

/** Socket Mode: one-shot tickets, hello, envelopes to one connection each, acks, refreshes. */
export class SocketDelivery implements Delivery {
  readonly #appId: string;
  readonly #timing: Timing;
  readonly #onConnections: () => void;
  readonly #tickets = new Set<string>();
  readonly #connections: Connection[] = [];
  readonly #pending = new Map<string, Pending>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #pings: NodeJS.Timeout;
  #turn = 0;
  #onLastClosed: () => void = () => {};

  constructor(options: { readonly appId: string; readonly timing: Timing; onConnections(): void }) {
    this.#appId = options.appId;
    this.#timing = options.timing;
    this.#onConnections = options.onConnections;
    this.#pings = setInterval(() => this.#pingAll(), options.timing.socketPingMs);
    this.#pings.unref();
  }

  get connections(): number {
    return this.#connections.length;
  }

  /** The ticket of `apps.connections.open`; it opens one connection. */
  newTicket(): string {
    const ticket = randomUUID();
    this.#tickets.add(ticket);
    return ticket;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const ticket = new URL(request.url ?? '/', 'http://local').searchParams.get('ticket') ?? '';
    if (!this.#tickets.delete(ticket)) {
      socket.end('HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    let connection: Connection | undefined;
    const end = acceptWebSocket(request, socket, head, {
      onText: (text) => this.#onText(text),
      onPong: () => {
        if (connection) connection.missedPongs = 0;
      },
      onClosed: () => this.#forget(connection),
    });
    if (!end) return;
    if (this.#connections.length >= mostConnections) {
      end.send(JSON.stringify({ type: 'disconnect', reason: 'too_many_websockets' }));
      end.close(1000);
      return;
    }
    connection = { end, isTaking: true, missedPongs: 0 };
    this.#connections.push(connection);
    end.send(
      JSON.stringify({
        type: 'hello',
        num_connections: this.#connections.length,
        debug_info: { host: 'applink-local', build_number: 1, approximate_connection_time: 18_060 },
        connection_info: { app_id: this.#appId },
      }),
    );
    this.#onConnections();
  }

  deliver(type: DeliveryType, payload: Fields, retry: Retry | null): Promise<Answer> {
    const taking = this.#connections.filter((connection) => connection.isTaking);
    this.#turn += 1;
    const connection = taking[this.#turn % Math.max(1, taking.length)];
    if (!connection) return Promise.resolve({ kind: 'failed', reason: 'dispatch_failed', tookMs: 0 });
    const envelopeId = randomUUID();
    const sentAtMs = performance.now();
    return new Promise((resolve) => {
      const timer = this.#later(this.#timing.ackMs, () => {
        this.#pending.delete(envelopeId);
        resolve({ kind: 'timeout', tookMs: performance.now() - sentAtMs });
      });
      this.#pending.set(envelopeId, {
        connection,
        sentAtMs,
        settle: (answer) => {
          this.#pending.delete(envelopeId);
          clearTimeout(timer);
          this.#timers.delete(timer);
          resolve(answer);
        },
      });
      connection.end.send(
        JSON.stringify({
          envelope_id: envelopeId,
          type,
          accepts_response_payload: type !== 'events_api',
          payload,
          ...(type === 'events_api' ? { retry_attempt: retry?.attempt ?? 0, retry_reason: retry?.reason ?? '' } : {}),
        }),
      );
    });
  }

  /** Ends every connection: announced some seconds ahead, announced and ended, or cut without a word. */
  disconnect(how: 'warning' | 'refresh_requested' | 'abrupt'): void {
    for (const connection of [...this.#connections]) {
      connection.isTaking = false;
      if (how === 'abrupt') {
        connection.end.destroy();
        continue;
      }
      connection.end.send(JSON.stringify({ type: 'disconnect', reason: how, debug_info: { host: 'applink-local' } }));
      this.#later(how === 'warning' ? this.#timing.socketWarningMs : 100, () => connection.end.close(1000));
    }
    this.#onConnections();
  }

  /** Says goodbye to whoever is connected, and cuts the connections of those who do not answer. */
  async stop(): Promise<void> {
    clearInterval(this.#pings);
    for (const timer of this.#timers) clearTimeout(timer);
    for (const pending of [...this.#pending.values()]) {
      pending.settle({ kind: 'failed', reason: 'dispatch_failed', tookMs: performance.now() - pending.sentAtMs });
    }
    if (this.#connections.length === 0) return;
    for (const connection of this.#connections) connection.end.close(1000);
    const closed = new Promise<void>((resolve) => {
      this.#onLastClosed = resolve;
    });
    const deadline = setTimeout(() => this.#onLastClosed(), goodbyeMs);
    await closed;
    clearTimeout(deadline);
    for (const connection of this.#connections) connection.end.destroy();
  }

  #onText(text: string): void {
    const message = parseJson(text);
    if (!isFields(message) || typeof message.envelope_id !== 'string') return;
    const pending = this.#pending.get(message.envelope_id);
    pending?.settle({
      kind: 'acked',
      body: isFields(message.payload) ? message.payload : {},
      tookMs: performance.now() - pending.sentAtMs,
    });
  }

  #forget(connection: Connection | undefined): void {
    const at = connection === undefined ? -1 : this.#connections.indexOf(connection);
    if (at < 0) return;
    this.#connections.splice(at, 1);
    if (this.#connections.length === 0) this.#onLastClosed();
    this.#onConnections();
  }

  #pingAll(): void {
    for (const connection of [...this.#connections]) {
      connection.missedPongs += 1;
      if (connection.missedPongs > 3) connection.end.destroy();
      else connection.end.ping();
    }
  }

  #later(ms: number, act: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    timer.unref();
    this.#timers.add(timer);
    return timer;
  }
}

/** A secret of the right look. */
export function newSecret(): string {
  return randomBytes(16).toString('hex');
}
