import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { scopes } from '../src/slack/manifest.ts';
import { issue, makeAuthority } from './support/certificates.ts';
import type { CommandResult } from './support/command-line.ts';
import { type EtcdTestCluster, startEtcd } from './support/etcd.ts';
import { answersIn, openTerminal } from './support/executable.ts';
import { type KubernetesApi, startKubernetes } from './support/kubernetes/api.ts';
import { loadRecorded, recordedPods } from './support/kubernetes/recorded.ts';
import { type RedisServer, startRedis } from './support/redis.ts';
import { type SlackWorkspace, startSlack } from './support/slack/server.ts';

const terminal = openTerminal();
const { quorum, file } = terminal;

const stackTrace = /\n\s+at .+[:(]/;

let etcd: EtcdTestCluster;
let kubernetes: KubernetesApi;
let redis: RedisServer;
let slack: SlackWorkspace;
let web: Server;
let silent: Server;

beforeAll(async () => {
  const nobody = { token: 'nobody', name: 'nobody', may: () => false };
  web = createServer((_request, response) => response.end('<html>Welcome</html>'));
  silent = createTcpServer(() => undefined);
  [etcd, kubernetes, redis, slack] = await Promise.all([
    startEtcd({ own: true, members: 1 }),
    startKubernetes({ ...loadRecorded({ now: new Date() }), users: [nobody] }),
    startRedis({ own: true }),
    startSlack({ workspace: { scopes: Object.keys(scopes).filter((scope) => scope !== 'files:write') } }),
    ...[web, silent].map((server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))),
  ]);
}, 30_000);

afterAll(async () => {
  web.close();
  silent.close();
  await Promise.all([etcd.stop(), kubernetes.stop(), redis.stop(), slack.stop()]);
  terminal.close();
});

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('it is not there');
  return value;
}

/** Clusters by name, each of them wrong in its own way but for `good`. */
async function etcdClusters() {
  const tls = given(etcd.tls);
  const another = await makeAuthority('another');
  const stranger = await issue(another, { commonName: 'stranger', addresses: [], usages: ['client'] });
  const day = 24 * 3600_000;
  const expired = await issue(given(etcd.authority), {
    commonName: 'expired',
    addresses: [],
    usages: ['client'],
    notBefore: new Date(Date.now() - 3 * day),
    notAfter: new Date(Date.now() - day),
  });
  const expiredFiles = { cert: file('expired.crt', expired.certPem), key: file('expired.key', expired.keyPem) };
  const endpoints = [...etcd.endpoints];
  return {
    good: { endpoints, tls },
    missing: { endpoints, tls: { ...tls, cert: '/nowhere/client.crt' } },
    garbage: { endpoints, tls: { ...tls, cert: file('garbage.crt', 'hello') } },
    swapped: { endpoints, tls: { ...tls, cert: tls.key, key: tls.cert } },
    unmatched: { endpoints, tls: { ...tls, cert: file('stranger.crt', stranger.certPem) } },
    expired: { endpoints, tls: { ...tls, ...expiredFiles } },
    'other-ca': { endpoints, tls: { ...tls, ca: file('another.crt', another.certPem) } },
    plain: { endpoints: endpoints.map((endpoint) => endpoint.replace('https', 'http')) },
    web: { endpoints: [urlOf(web)] },
    silent: { endpoints: [urlOf(silent)], requestTimeout: '300ms' },
    closed: { endpoints: ['http://127.0.0.1:9'] },
  };
}

function kubernetesClusters() {
  const good = kubernetes.kubeconfig();
  const at = (name: string, text: string) => ({ kubeconfig: file(`${name}.kubeconfig`, text) });
  return {
    good: at('good', good),
    forbidden: at('forbidden', kubernetes.kubeconfig('nobody')),
    stranger: at('stranger', good.replace(kubernetes.token, 'wrong')),
    missing: { kubeconfig: 'nowhere.kubeconfig' },
    broken: at('broken', 'clusters: ['),
    list: at('list', '- a\n'),
    context: { ...at('context', good), context: 'nowhere' },
    web: at('web', good.replace(kubernetes.url, urlOf(web))),
    silent: { ...at('silent', good.replace(kubernetes.url, urlOf(silent))), requestTimeout: '300ms' },
    closed: at('closed', good.replace(kubernetes.url, 'http://127.0.0.1:2')),
  };
}

test('each wrong certificate, endpoint, kubeconfig and name gets an answer that says what is the matter', async () => {
  const clusters = { etcd: { clusters: await etcdClusters() }, kubernetes: { clusters: kubernetesClusters() } };
  const config = file('wrong.yaml', JSON.stringify(clusters));
  const pod = recordedPods.unaware;
  const expected: readonly (readonly [string, string, RegExp])[] = [
    ['/etcd health --cluster good', 'ok', /^good: 1 of 1 healthy/],
    ['/etcd health --cluster missing', 'refused', /^The certificate file \/nowhere\/client\.crt is missing\.$/],
    ['/etcd health --cluster garbage', 'refused', /garbage\.crt holds no certificate \(it is not PEM\)/],
    ['/etcd health --cluster swapped', 'refused', /client\.key holds no certificate \(it holds a private key\)/],
    [
      '/etcd health --cluster unmatched',
      'refused',
      /client\.key does not belong to the certificate in .*stranger\.crt/,
    ],
    ['/etcd health --cluster expired', 'unknown', /refusing the bot's certificate: it expired on \d{4}-\d\d-\d\d/],
    ['/etcd health --cluster other-ca', 'unknown', /server certificate of an unknown CA/],
    ['/etcd health --cluster plain', 'unknown', /using TLS, asked with http/],
    ['/etcd health --cluster web', 'unknown', /not etcd/],
    ['/etcd health --cluster silent', 'unknown', /hung \(no answer in 300 ms\)/],
    ['/etcd members --cluster closed', 'unknown', /unreachable/],
    [`/oom why ${pod} --cluster good`, 'findings', /OOM-killed/],
    [`/oom why ${pod} --cluster forbidden`, 'refused', /Quorum may not get pods in namespace shop/],
    [`/oom why ${pod} --cluster stranger`, 'refused', /does not know who asks \(401\)/],
    [`/oom why ${pod} --cluster missing`, 'refused', /^There is no kubeconfig nowhere\.kubeconfig\.$/],
    [`/oom why ${pod} --cluster broken`, 'refused', /broken\.kubeconfig is malformed: /],
    [`/oom why ${pod} --cluster list`, 'refused', /list\.kubeconfig (sets no current context|is malformed)/],
    [`/oom why ${pod} --cluster context`, 'refused', /has no context “nowhere”/],
    [`/oom why ${pod} --cluster web`, 'refused', /did not answer as the Kubernetes API/],
    [`/oom why ${pod} --cluster silent`, 'refused', /did not answer within 300 ms/],
    [`/oom why ${pod} --cluster closed`, 'refused', /Kubernetes API of closed/],
    ['/oom why --cluster good -- -n', 'refused', /^“-n” cannot be a pod name\.$/],
    ['/oom why --cluster good -- --help', 'refused', /^“--help” cannot be a pod name\.$/],
    ['/oom why --cluster good --help', 'ok', /^Why a pod died/],
    ['/oom why --cluster good shop/..%2fnodes', 'refused', /cannot be a pod name/],
    ['/oom why --cluster good ""', 'refused', /^The pod has no name\.$/],
    ['/oom why --cluster god x', 'refused', /There is no Kubernetes cluster `god`; did you mean `good`\?/],
  ];
  const result = await quorum(['run', '-', '--config', config], expected.map(([line]) => `${line}\n`).join(''));
  const answers = answersIn(result);
  expect(answers.map(({ verdict, summary }, index) => [expected[index]?.[0], verdict, summary])).toEqual(
    expected.map(([line, verdict, summary]) => [line, verdict, expect.stringMatching(summary)]),
  );
  const unadvised = answers.filter(({ verdict, findings }) => verdict === 'refused' && findings[0]?.advice === '');
  expect(unadvised).toEqual([]);
  expect(result.stdout).not.toMatch(/\\n\s+at .+[:(]/);
  expect([result.exitCode, result.stderr]).toEqual([2, '']);
}, 25_000);

test('check tells of each channel of the watch whether the bot may post there', async () => {
  const { botToken, appToken, apiUrl } = slack;
  const open = slack.addChannel({ name: 'open', botIsMember: true }).id;
  const closed = slack.addChannel({ name: 'closed', botIsMember: false }).id;
  const old = slack.addChannel({ name: 'old', botIsMember: true, isArchived: true }).id;
  const watch = [open, closed, old, 'C0NOBODY'].map((channel) => ({ channel }));
  const config = { slack: { botToken, appToken, apiUrl }, redis: { url: redis.url }, watch };
  const { stdout } = await quorum(['check', '--config', file('channels.yaml', JSON.stringify(config))]);
  expect(stdout.split('\n').filter((line) => line.includes(' channel '))).toEqual([
    expect.stringMatching(new RegExp(`^ok {4}channel ${open} +the bot may post there$`)),
    expect.stringMatching(new RegExp(`^FAIL {2}channel ${closed} +the bot is not in it → type /invite @Quorum there$`)),
    expect.stringMatching(new RegExp(`^FAIL {2}channel ${old} +it is archived → name another channel`)),
    expect.stringMatching(/^FAIL {2}channel C0NOBODY +channel_not_found → take the id/),
  ]);
});

test('check tells each part in one line, and the mend of what is wrong', async () => {
  const { botToken, appToken, apiUrl } = slack;
  const tls = given(etcd.tls);
  const { good, forbidden, missing } = kubernetesClusters();
  const right = {
    slack: { botToken, appToken, apiUrl },
    redis: { url: redis.url },
    etcd: { clusters: { prod: { endpoints: [...etcd.endpoints], tls } } },
    kubernetes: { clusters: { prod: good } },
    access: { operators: ['U1'], approvers: ['U2'] },
  };
  const wrong = {
    slack: { botToken: 'xoxb-wrong-secret', appToken: botToken, apiUrl },
    redis: { url: 'redis://:hunter2@127.0.0.1:9' },
    etcd: { clusters: { prod: { endpoints: ['http://127.0.0.1:9'] } } },
    kubernetes: { clusters: { forbidden, missing } },
  };
  const [good_, bad] = await Promise.all([
    quorum(['check', '--config', file('right.yaml', JSON.stringify(right))]),
    quorum(['check', '--config', file('bad.yaml', JSON.stringify(wrong))]),
  ]);
  const linesOf = ({ stdout }: CommandResult) => stdout.split('\n').slice(0, -1);
  expect(linesOf(good_)).toEqual([
    expect.stringMatching(/^ok {4}config /),
    expect.stringMatching(/^ok {4}slack /),
    expect.stringMatching(/^FAIL {2}slack .*the token lacks the scope files:write .* → .*reinstall the app/),
    expect.stringMatching(/^ok {4}slack socket /),
    expect.stringMatching(/^ok {4}redis /),
    expect.stringMatching(/^warn {2}redis .*appendonly is off.* → set `appendonly yes`/),
    expect.stringMatching(/^ok {4}etcd prod .*: etcd 3\./),
    expect.stringMatching(/^ok {4}kubernetes prod .* 17 of 17 permissions/),
  ]);
  const lines = linesOf(bad);
  for (const pattern of [
    /^warn {2}access .* → /,
    /^FAIL {2}slack {2,}.*invalid_auth.* → .*xoxb-/,
    /^FAIL {2}slack socket .* → .*xapp-/,
    /^FAIL {2}redis .*ECONNREFUSED.* → start Redis there/,
    /^FAIL {2}etcd prod .* → `quorum run "\/etcd health --cluster prod"`/,
    /^FAIL {2}kubernetes forbidden may not get pods.* → grant /,
    /^FAIL {2}kubernetes missing There is no kubeconfig nowhere\.kubeconfig\. → /,
  ])
    expect(lines.filter((line) => pattern.test(line))).toHaveLength(1);
  expect(lines.filter((line) => !line.startsWith('ok') && !line.includes(' → '))).toEqual([]);
  for (const { stdout, stderr } of [good_, bad]) {
    expect(stdout).not.toMatch(stackTrace);
    expect(stdout).not.toMatch(/wrong-secret|hunter2/);
    expect(stderr).toBe('');
  }
  expect([good_.exitCode, bad.exitCode]).toEqual([1, 1]);
}, 25_000);
