/** Where a client URL leads. */
export type Address = { readonly host: string; readonly port: number; readonly isTls: boolean };

/** Takes a client URL apart; without a port it is the scheme's own. IPv6 addresses come without brackets. */
export function addressOf(endpoint: string): Address {
  const url = new URL(endpoint);
  const isTls = url.protocol === 'https:';
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port, isTls };
}

/** One spelling per endpoint, so that the configuration's and the member list's can be compared. */
export function canonicalEndpoint(endpoint: string): string {
  if (!isEndpoint(endpoint)) return endpoint;
  const { host, port, isTls } = addressOf(endpoint);
  return `${isTls ? 'https' : 'http'}://${hostPort(host, port)}`;
}

/** `10.0.0.1:2379`, `[::1]:2379`. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether a text is a client URL that can be asked: http or https with a host (a member may also listen on a unix socket). */
export function isEndpoint(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).hostname !== '';
}
