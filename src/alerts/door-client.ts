import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import {
  type DoorAnswer,
  type DoorKeys,
  type DoorParts,
  type Knock,
  largestBodyBytes,
  refuseKnock,
  takeBody,
  tooLarge,
} from './door.ts';

/** All bodies that are being read at once may hold so much; who comes on top is asked to come back. */
const mostBytesAtOnce = 64 * 1024 * 1024;
/** What still comes of a body that nobody wants is thrown away for so long, so that the answer is read. */
const lettingGoMs = 5000;
const tooMuchAtOnce: DoorAnswer = {
  status: 503,
  headers: { 'retry-after': '1' },
  text: 'Too much at once. Send it again.\n',
};

export type Door = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Reads what is posted to the door, and answers. Never throws. */
export function createDoor(
  keys: DoorKeys,
  parts: DoorParts & {
    /** A request was answered. */
    answered(status: number, alerts: number, from: string): void;
  },
): Door {
  let bytesAtOnce = 0;

  /** The body; an answer where it is not read to its end; undefined where it broke off: nobody waits for an answer then. */
  function read(request: IncomingMessage): Promise<string | DoorAnswer | undefined> {
    return new Promise((resolve) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      const end = (outcome: string | DoorAnswer | undefined) => {
        request.off('data', take);
        bytesAtOnce -= bytes;
        bytes = 0;
        resolve(outcome);
      };
      const take = (piece: Buffer) => {
        bytes += piece.length;
        bytesAtOnce += piece.length;
        if (bytes > largestBodyBytes) end(tooLarge());
        else if (bytesAtOnce > mostBytesAtOnce) end(tooMuchAtOnce);
        else pieces.push(piece);
      };
      request.on('data', take);
      request.once('end', () => end(Buffer.concat(pieces).toString('utf8')));
      request.once('error', () => end(undefined));
      request.once('close', () => end(undefined));
    });
  }

  return async (request, response) => {
    const from = request.socket.remoteAddress ?? '';
    const refusal = refuseKnock(knockOf(request), keys);
    const body = refusal ?? (await read(request));
    if (body === undefined) return parts.answered(0, 0, from);
    const { answer, alerts } = typeof body === 'string' ? await takeBody(body, parts) : { answer: body, alerts: 0 };
    parts.answered(answer.status, alerts, from);
    respond(request, response, answer);
  };
}

/**
 * Of a session that is gone on with (TLS 1.3) Node says `authorized` also where no certificate was ever shown, so one has to be there.
 * Source: https://github.com/nodejs/node/blob/v20.x/src/crypto/crypto_common.cc (VerifyPeerCertificate)
 */
function isCertified(socket: Partial<TLSSocket>): boolean {
  return socket.authorized === true && socket.getPeerX509Certificate?.() !== undefined;
}

function knockOf({ method = '', headers, socket }: IncomingMessage): Knock {
  const length = Number(headers['content-length']);
  return {
    method,
    authorization: headers.authorization ?? '',
    hasClientCertificate: isCertified(socket as Partial<TLSSocket>),
    contentEncoding: headers['content-encoding'] ?? '',
    contentLength: Number.isNaN(length) ? undefined : length,
  };
}

function respond(request: IncomingMessage, response: ServerResponse, { status, headers, text }: DoorAnswer): void {
  if (request.complete) {
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers }).end(text);
    return;
  }
  // The rest of the body is not wanted. A connection that is cut while somebody writes takes the answer with it, and ending the response cuts it.
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
    ...headers,
  });
  response.write(text);
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lettingGoMs).unref();
  request.once('end', end).once('close', end).on('error', end).resume();
}
