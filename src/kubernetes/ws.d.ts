/** What is used of `ws` (https://github.com/websockets/ws), which comes without types. */
declare module 'ws' {
  import type { EventEmitter } from 'node:events';
  import type { IncomingMessage } from 'node:http';
  import type { RequestOptions } from 'node:https';
  import type { Duplex } from 'node:stream';

  export default class WebSocket extends EventEmitter {
    constructor(
      address: string,
      protocols: readonly string[],
      options: RequestOptions & { perMessageDeflate?: boolean; maxPayload?: number; followRedirects?: boolean },
    );
    readonly protocol: string;
    send(data: Buffer | string): void;
    close(code?: number, reason?: string): void;
    terminate(): void;
  }

  export class WebSocketServer extends EventEmitter {
    constructor(options: {
      noServer: true;
      handleProtocols?: (protocols: Set<string>, request: IncomingMessage) => string | false;
    });
    handleUpgrade(
      request: IncomingMessage,
      socket: Duplex,
      head: Buffer,
      callback: (socket: WebSocket, request: IncomingMessage) => void,
    ): void;
  }
}
