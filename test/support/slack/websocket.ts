import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** The server's end of one WebSocket (RFC 6455), as far as Socket Mode needs it: text, ping, pong, close. */
export type WebSocketEnd = {
  send(text: string): void;
  ping(): void;
  /** The closing handshake: our close frame, and the end of the connection once the other side answered. */
  close(code: number): void;
  /** The connection is cut without a word. */
  destroy(): void;
};

export type WebSocketListener = {
  onText(text: string): void;
  onPong(): void;
  onClosed(): void;
};

const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** RFC 6455 §1.3: what is appended to the client's key. */
const handshakeGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const largestMessageBytes = 4 * 1024 * 1024;

/** Answers an upgrade request, or refuses it with 400 where it is not a WebSocket handshake. */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  listener: WebSocketListener,
): WebSocketEnd | undefined {
  const key = request.headers['sec-websocket-key'];
  if (key === undefined || request.headers['sec-websocket-version'] !== '13') {
    socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
    return undefined;
  }
  const accept = createHash('sha1')
    .update(key + handshakeGuid)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
  );

  let isClosing = false;
  let isClosed = false;
  let text: Buffer[] = [];
  const write = (code: number, payload: Buffer): void => {
    if (!socket.destroyed && socket.writable) socket.write(frame(code, payload));
  };
  const end: WebSocketEnd = {
    send: (message) => write(opcode.text, Buffer.from(message)),
    ping: () => write(opcode.ping, randomBytes(4)),
    close(code) {
      if (isClosing) return;
      isClosing = true;
      const payload = Buffer.alloc(2);
      payload.writeUInt16BE(code);
      write(opcode.close, payload);
    },
    destroy: () => socket.destroy(),
  };
  const read = frameReader((code, isLast, payload) => {
    if (code === opcode.ping) write(opcode.pong, payload);
    else if (code === opcode.pong) listener.onPong();
    else if (code === opcode.close) {
      if (!isClosing) write(opcode.close, payload.subarray(0, 2));
      isClosing = true;
      socket.end();
    } else {
      text.push(payload);
      if (!isLast) return;
      const whole = Buffer.concat(text).toString('utf8');
      text = [];
      listener.onText(whole);
    }
  });
  socket.on('data', (chunk: Buffer) => {
    if (read(chunk) === 'broken') socket.destroy();
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    if (isClosed) return;
    isClosed = true;
    listener.onClosed();
  });
  if (head.length > 0 && read(head) === 'broken') socket.destroy();
  return end;
}

/** One unmasked, unfragmented frame: servers never mask (RFC 6455 §5.1). */
function frame(code: number, payload: Buffer): Buffer {
  const length = payload.length;
  let header: Buffer;
  if (length < 126) header = Buffer.from([0x80 | code, length]);
  else if (length < 65536) {
    header = Buffer.alloc(4);
    header[0] = 0x80 | code;
    header[1] = 126;
    header.writeUInt16BE(length, 2);
  } else {
    header = Buffer.alloc(10);
    header[0] = 0x80 | code;
    header[1] = 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([header, payload]);
}

function frameReader(
  onFrame: (code: number, isLast: boolean, payload: Buffer) => void,
): (chunk: Buffer) => 'read' | 'broken' {
  let pending: Buffer = Buffer.alloc(0);
  return (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= 2) {
      const first = pending[0] ?? 0;
      const second = pending[1] ?? 0;
      // Clients always mask (RFC 6455 §5.1).
      if ((second & 0x80) === 0) return 'broken';
      let length = second & 0x7f;
      let at = 2;
      if (length === 126) {
        if (pending.length < 4) return 'read';
        length = pending.readUInt16BE(2);
        at = 4;
      } else if (length === 127) {
        if (pending.length < 10) return 'read';
        length = Number(pending.readBigUInt64BE(2));
        at = 10;
      }
      if (length > largestMessageBytes) return 'broken';
      if (pending.length < at + 4 + length) return 'read';
      const mask = pending.subarray(at, at + 4);
      const payload = Buffer.from(pending.subarray(at + 4, at + 4 + length));
      for (let index = 0; index < payload.length; index += 1) {
        payload[index] = (payload[index] ?? 0) ^ (mask[index % 4] ?? 0);
      }
      pending = pending.subarray(at + 4 + length);
      onFrame(first & 0x0f, (first & 0x80) !== 0, payload);
    }
    return 'read';
  };
}
