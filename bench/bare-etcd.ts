import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { fileURLToPath } from 'node:url';
import { Client, credentials } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import type { EtcdTestCluster } from '../test/support/etcd.ts';

/** The calls that a look at an etcd cluster cannot do without, on bare channels that stay open. */
export type BareEtcd = {
  /** MemberList, Alarm and every member's Status, all at once; what comes back is decoded, and nothing is done with it. */
  ask(): Promise<void>;
  /** The same, and each member's /metrics read beside. */
  askWithMetrics(): Promise<void>;
  close(): void;
};

type Method = MethodDefinition<object, object>;
type Service = Readonly<Record<string, Method>>;

/** A method of etcd's own interface, as etcd3 ships it. */
export function loadMethod(service: string, name: string): Method {
  const file = fileURLToPath(new URL('../proto/rpc.proto', import.meta.resolve('etcd3')));
  const loaded = loadSync(file, { keepCase: true, longs: String, enums: String, defaults: true });
  const found = (loaded[`etcdserverpb.${service}`] as Service | undefined)?.[name];
  if (found === undefined) throw new Error(`no ${service}.${name} in ${file}`);
  return found;
}

export function openBareEtcd({ endpoints, metricsUrls, tls }: EtcdTestCluster): BareEtcd {
  const pem =
    tls === undefined
      ? undefined
      : { ca: readFileSync(tls.ca), key: readFileSync(tls.key), cert: readFileSync(tls.cert) };
  const security = pem === undefined ? credentials.createInsecure() : credentials.createSsl(pem.ca, pem.key, pem.cert);
  const plain = new http.Agent({ keepAlive: true });
  const secure = new https.Agent({ keepAlive: true, ...pem });
  const clients = endpoints.map(
    (endpoint) => new Client(new URL(endpoint).host, security, { 'grpc.use_local_subchannel_pool': 1 }),
  );
  const status = loadMethod('Maintenance', 'Status');
  const alarm = loadMethod('Maintenance', 'Alarm');
  const memberList = loadMethod('Cluster', 'MemberList');
  const call = (client: Client, { path, requestSerialize, responseDeserialize }: Method): Promise<void> =>
    new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + 1000 };
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, options, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  const [first] = clients;
  if (first === undefined) throw new Error('a cluster without endpoints');
  const ask = async () => {
    await Promise.all([...clients.map((client) => call(client, status)), call(first, alarm), call(first, memberList)]);
  };
  return {
    ask,
    async askWithMetrics() {
      await Promise.all([ask(), ...metricsUrls.map((url) => read(new URL('/metrics', url), { plain, secure }))]);
    },
    close() {
      plain.destroy();
      secure.destroy();
      for (const client of clients) client.close();
    },
  };
}

function read(url: URL, agents: { readonly plain: http.Agent; readonly secure: https.Agent }): Promise<void> {
  return new Promise((resolve, reject) => {
    const request =
      url.protocol === 'https:'
        ? https.get(url, { agent: agents.secure, timeout: 1000 }, drain)
        : http.get(url, { agent: agents.plain, timeout: 1000 }, drain);
    request.on('timeout', () => request.destroy(new Error(`${url} did not answer within 1 s`)));
    request.on('error', reject);
    function drain(response: http.IncomingMessage): void {
      response.on('end', () => resolve());
      response.on('error', reject);
      response.resume();
    }
  });
}
