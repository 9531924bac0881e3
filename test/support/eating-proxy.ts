import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy in front of one address that can eat a reply: the request goes through, what comes back does not. */
export interface EatingProxy {
  readonly port: number;
  /** From now on nothing comes back on any open connection. */
  eat(): void;
  /** The same, from the next request on that holds this text. */
  eatReplyTo(text: string): void;
  /** Cuts every connection; new ones are served whole again. */
  cut(): void;
  close(): Promise<void>;
}

export async function startEatingProxy(host: string, port: number): Promise<EatingProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let isEating = false;
  let fatefulText: string | undefined;
  const server = createServer((client) => {
    const upstream = connect({ host, port });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    client.on('data', (bytes) => {
      if (fatefulText !== undefined && bytes.includes(fatefulText)) isEating = true;
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!isEating) client.write(bytes);
    });
    for (const [socket, other] of [pair, [upstream, client] as const]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        other.destroy();
        pairs.delete(pair);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    isEating = false;
    fatefulText = undefined;
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    eat: () => {
      isEating = true;
    },
    eatReplyTo: (text) => {
      fatefulText = text;
    },
    cut,
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
