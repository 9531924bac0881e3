import { renameSync, writeFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { AlertsTicket } from '../../src/alerts/alert.ts';
import type { HttpTlsConfig } from '../../src/alerts/config.ts';
import { type DoorKeys, largestBodyBytes, NotStored } from '../../src/alerts/door.ts';
import { createDoor } from '../../src/alerts/door-client.ts';
import { type StatusServer, startStatusServer } from '../../src/http-client.ts';
import { createHttpServer } from '../../src/tls-client.ts';
import { alertBody, firing, post } from '../support/alerts.ts';
import { issue, makeAuthority } from '../support/certificates.ts';
import { makeFolder, removeFolder, waitFor } from '../support/process.ts';

jest.setTimeout(30_000);

const token = 'the-token-of-these-tests';
const body = alertBody([firing({ alertname: 'A' }), firing({ alertname: 'B' })]);

let server: StatusServer | undefined;
let stored: AlertsTicket[] = [];
let answers: number[] = [];
let isRedisAway = false;
let folder = '';

beforeEach(() => {
  [stored, answers, isRedisAway, folder] = [[], [], false, makeFolder('quorum-door')];
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  removeFolder(folder);
});

async function open(keys: DoorKeys | undefined, tls?: HttpTlsConfig): Promise<string> {
  server = await startStatusServer(
    { port: 0, host: '127.0.0.1', tls },
    {
      readiness: async () => ({ redis: true }),
      queueCounts: async () => ({}),
      ...(keys === undefined
        ? {}
        : {
            door: (metrics) =>
              createDoor(keys, {
                async addAll(tickets) {
                  if (isRedisAway) throw new NotStored();
                  stored.push(...tickets);
                },
                answered(status, alerts) {
                  answers.push(status);
                  metrics.posted(status, alerts);
                },
                fault: (_id, error) => {
                  throw error;
                },
              }),
          }),
      tellFault: () => {},
    },
  );
  return server.url;
}

const byToken: DoorKeys = { token, takesCertificates: false };

describe('the door', () => {
  test('is not there where the config has no alerts', async () => {
    expect(await post(await open(undefined), body, token)).toMatchObject({
      status: 404,
      text: 'There is /healthz, /readyz and /metrics.\n',
    });
  });

  test('takes what Alertmanager posts with the token, and counts it', async () => {
    const url = await open(byToken);
    expect(await post(url, body, token)).toMatchObject({ status: 200, text: 'Taken: 2 alerts.\n' });
    expect(stored.flatMap(({ alerts }) => alerts.map(({ labels }) => labels.alertname))).toEqual(['A', 'B']);
    expect((await fetch(`${url}/alerts/`, { method: 'POST' })).status).toBe(401);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('quorum_alert_posts_total{status="200"} 1');
    expect(metrics).toContain('quorum_alerts_stored_total 2');
  });

  test.each([
    ['no token', null, 'Not let in: nothing says who is there.'],
    ['another token', 'the-token-of-those-tests', 'Not let in: the token is another one.'],
    ['the beginning of the token', 'the-token', 'Not let in: the token is another one.'],
    ['an empty token', '', 'Not let in'],
  ])('lets nobody in who has %s, and says how to come in', async (_name, given, said) => {
    const { status, text, headers } = await post(await open(byToken), body, given);
    expect(status).toBe(401);
    expect(text).toContain(said);
    expect(text).toContain('http_config.authorization.credentials');
    expect(text).not.toContain(token);
    expect(headers.get('www-authenticate')).toBe('Bearer realm="alerts"');
    expect(stored).toEqual([]);
  });

  test.each(['GET', 'PUT', 'DELETE', 'HEAD'])('takes no %s', async (method) => {
    const response = await fetch(`${await open(byToken)}/alerts`, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  });

  test('says which field of a body is wrong', async () => {
    const { status, text } = await post(await open(byToken), body.replaceAll('"firing"', '"burning"'), token);
    expect([status, text]).toEqual([400, expect.stringContaining('no Alertmanager payload')]);
  });

  test('refuses a body that is compressed', async () => {
    const response = await fetch(`${await open(byToken)}/alerts`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-encoding': 'gzip' },
      body: 'x',
    });
    expect(response.status).toBe(415);
  });

  test('asks to come back where nothing is stored', async () => {
    isRedisAway = true;
    const { status, headers } = await post(await open(byToken), body, token);
    expect([status, headers.get('retry-after')]).toEqual([503, '5']);
  });

  test('refuses a body by its announced size, before any of it is sent', async () => {
    const url = new URL(await open(byToken));
    const answer = await raw(url, [
      `POST /alerts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${largestBodyBytes + 1}\r\n\r\n`,
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('Set max_alerts in webhook_config');
  });

  test('stops reading a body without an announced size when it becomes too large', async () => {
    const url = new URL(await open(byToken));
    const before = process.memoryUsage().rss;
    const answer = await new Promise<{ status: number; sent: number }>((resolve, reject) => {
      let sent = 0;
      const piece = Buffer.alloc(1024 * 1024, 0x20);
      const sending = plainRequest(
        { port: url.port, path: '/alerts', method: 'POST', headers: { authorization: `Bearer ${token}` } },
        (response) => {
          response.resume();
          resolve({ status: response.statusCode ?? 0, sent });
          sending.destroy();
        },
      );
      sending.on('error', reject);
      const more = (): void => {
        if (sending.destroyed || sent >= 100) return;
        sent += 1;
        if (sending.write(piece)) setImmediate(more);
        else sending.once('drain', more);
      };
      more();
    });
    expect(answer.status).toBe(413);
    // What was on its way is thrown away.
    expect(answer.sent).toBeLessThan(80);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
    expect(stored).toEqual([]);
  });

  test('does not read the body of somebody who is not let in', async () => {
    const url = new URL(await open(byToken));
    const answer = await raw(url, ['POST /alerts HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n{"version"']);
    expect(answer).toMatch(/^HTTP\/1\.1 401 [\s\S]*Connection: close/i);
  });

  test('keeps nothing of a body that breaks off', async () => {
    const url = new URL(await open(byToken));
    const socket = connect(Number(url.port), '127.0.0.1');
    const head = `POST /alerts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: 5000\r\n\r\n`;
    await new Promise<void>((sent) => socket.write(head + body.slice(0, 300), () => sent()));
    socket.destroy();
    await waitFor('the door to let go', () => answers.length === 1);
    expect([answers, stored]).toEqual([[0], []]);
    expect(await post(url.origin, body, token)).toMatchObject({ status: 200 });
  });

  test('waits at most five seconds for the headers of somebody who is slow', async () => {
    const url = new URL(await open(byToken));
    const startedAt = performance.now();
    const answer = await raw(url, ['POST /alerts HTTP/1.1\r\nHost: x\r\nX-Slow: ']);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(performance.now() - startedAt).toBeLessThan(9000);
  });
});

/** Writes the pieces and gives back all that comes until the other side closes. */
function raw(url: URL, pieces: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(url.port), url.hostname);
    socket.on('data', (piece) => {
      answer += piece;
      socket.end();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
    for (const piece of pieces) socket.write(piece);
  });
}

describe('the door with certificates', () => {
  async function certified() {
    const [servers, clients, strangers] = await Promise.all(['servers', 'clients', 'strangers'].map(makeAuthority));
    if (!servers || !clients || !strangers) throw new Error('three were made');
    const request = { commonName: 'x', addresses: ['127.0.0.1'], usages: ['server', 'client'] as const };
    const [shown, known, unknown] = await Promise.all([servers, clients, strangers].map((ca) => issue(ca, request)));
    if (!shown || !known || !unknown) throw new Error('three were made');
    const expired = await issue(clients, { ...request, notAfter: new Date(Date.now() - 60_000) });
    const file = (name: string, content: string) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const tls: HttpTlsConfig = {
      cert: file('cert.pem', shown.certPem),
      key: file('key.pem', shown.keyPem),
      clientCa: file('clients.pem', clients.certPem),
    };
    return { tls, ca: servers.certPem, known, unknown, expired };
  }

  function postOver(
    url: string,
    ca: string,
    {
      certificate,
      path = '/alerts',
      method = 'POST',
      bearer,
    }: {
      certificate?: { certPem: string; keyPem: string };
      path?: string;
      method?: string;
      bearer?: string;
    } = {},
  ): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const sending = tlsRequest(
        `${url}${path}`,
        {
          method,
          ca,
          agent: false,
          headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
          ...(certificate === undefined ? {} : { cert: certificate.certPem, key: certificate.keyPem }),
        },
        (response) => {
          let text = '';
          response.on('data', (piece) => {
            text += piece;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        },
      );
      sending.on('error', reject);
      sending.end(method === 'POST' ? body : undefined);
    });
  }

  test('lets in who has one of the client CA, and nobody else', async () => {
    const { tls, ca, known, unknown, expired } = await certified();
    const url = await open({ token: undefined, takesCertificates: true }, tls);
    expect(url).toMatch(/^https:/);
    expect(await postOver(url, ca, { certificate: known })).toMatchObject({ status: 200 });
    for (const certificate of [unknown, expired])
      expect(await postOver(url, ca, { certificate })).toMatchObject({
        status: 401,
        text: expect.stringContaining('a client certificate of http.tls.clientCa'),
      });
    expect(await postOver(url, ca)).toMatchObject({ status: 401 });
    // There is no token that would do.
    expect(await postOver(url, ca, { bearer: 'undefined' })).toMatchObject({ status: 401 });
    expect(stored).toHaveLength(1);
  });

  /** Posts on one connection, and then on another that goes on with its TLS session; the two status lines. */
  async function postTwiceInSession(url: string, ca: string, certificate?: { certPem: string; keyPem: string }) {
    let session: Buffer | undefined;
    const postOnce = () =>
      new Promise<string>((resolve, reject) => {
        let answer = '';
        const socket = connectTls({
          host: '127.0.0.1',
          port: Number(new URL(url).port),
          ca,
          minVersion: 'TLSv1.3',
          ...(session === undefined ? {} : { session }),
          ...(certificate === undefined ? {} : { cert: certificate.certPem, key: certificate.keyPem }),
        });
        socket.on('session', (given) => {
          session = given;
        });
        socket.on('data', (piece) => {
          answer += piece;
        });
        socket.on('end', () => resolve(`${socket.isSessionReused()} ${answer.split('\r\n')[0]}`));
        socket.on('error', reject);
        const head = [
          'POST /alerts HTTP/1.1',
          'Host: x',
          'Connection: close',
          `Content-Length: ${Buffer.byteLength(body)}`,
        ];
        socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
      });
    return [await postOnce(), await postOnce()];
  }

  test('lets nobody in who goes on with the session of a connection that was turned away', async () => {
    const { tls, ca, known, unknown } = await certified();
    const url = await open({ token: undefined, takesCertificates: true }, tls);
    for (const certificate of [undefined, unknown])
      expect(await postTwiceInSession(url, ca, certificate)).toEqual([
        'false HTTP/1.1 401 Unauthorized',
        'true HTTP/1.1 401 Unauthorized',
      ]);
    expect(stored).toEqual([]);
    expect(await postTwiceInSession(url, ca, known)).toEqual(['false HTTP/1.1 200 OK', 'true HTTP/1.1 200 OK']);
  });

  test('takes the token as well where there are both', async () => {
    const { tls, ca, known } = await certified();
    const url = await open({ token, takesCertificates: true }, tls);
    expect(await postOver(url, ca, { bearer: token })).toMatchObject({ status: 200 });
    expect(await postOver(url, ca, { certificate: known })).toMatchObject({ status: 200 });
    expect(await postOver(url, ca, { bearer: 'another' })).toMatchObject({ status: 401 });
  });

  test('asks for no certificate at the probes and the metrics', async () => {
    const { tls, ca } = await certified();
    const url = await open({ token: undefined, takesCertificates: true }, tls);
    for (const path of ['/healthz', '/readyz', '/metrics'])
      expect(await postOver(url, ca, { path, method: 'GET' })).toMatchObject({ status: 200 });
  });

  test('cannot be opened with a key that is not there, or is another’s', async () => {
    const { tls, unknown } = await certified();
    await expect(open(byToken, { ...tls, key: join(folder, 'none.pem') })).rejects.toThrow(
      /^http\.tls\.key: .*none\.pem cannot be read: ENOENT\.$/,
    );
    writeFileSync(join(folder, 'other.pem'), unknown.keyPem);
    renameSync(join(folder, 'other.pem'), tls.key);
    await expect(open(byToken, tls)).rejects.toThrow(/^http\.tls: the certificate and its key cannot be used: /);
  });

  test('shows a renewed certificate without a restart, and keeps the old one where the new one cannot be used', async () => {
    const [servers, later] = await Promise.all(['servers', 'later'].map(makeAuthority));
    if (!servers || !later) throw new Error('two were made');
    const request = { commonName: 'x', addresses: ['127.0.0.1'], usages: ['server'] as const };
    const [old, renewed] = await Promise.all([issue(servers, request), issue(later, request)]);
    const paths = { cert: join(folder, 'c.pem'), key: join(folder, 'k.pem') };
    const write = (certPem: string, keyPem: string) => {
      writeFileSync(paths.cert, certPem);
      writeFileSync(paths.key, keyPem);
    };
    write(old.certPem, old.keyPem);
    const faults: string[] = [];
    const made = await createHttpServer(
      paths,
      (_request, response) => response.end('ok'),
      ({ message }) => faults.push(message),
      50,
    );
    await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
    const url = `https://127.0.0.1:${(made.address() as AddressInfo).port}`;
    const isTrustedBy = (ca: string) =>
      postOver(url, ca, { path: '/', method: 'GET' }).then(
        () => true,
        () => false,
      );
    try {
      expect(await isTrustedBy(servers.certPem)).toBe(true);
      write('no certificate', old.keyPem);
      await waitFor('a fault', () => faults.length > 0);
      expect(await isTrustedBy(servers.certPem)).toBe(true);
      write(renewed.certPem, renewed.keyPem);
      await waitFor('the renewed one', () => isTrustedBy(later.certPem));
      expect(await isTrustedBy(servers.certPem)).toBe(false);
    } finally {
      made.closeAllConnections();
      await new Promise((resolve) => made.close(resolve));
    }
  });
});
