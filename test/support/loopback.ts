import { createServer } from 'node:net';

/** Whether this machine can listen there: Linux has all of 127.0.0.0/8 on its loopback, macOS the first address alone. */
export function hasAddress(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(0, host, () => server.close(() => resolve(true)));
  });
}
