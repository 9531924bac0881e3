import { createServer, type Server } from 'node:tls';
import { shortened } from '../src/report/text.ts';
import type { Certificate } from '../test/support/certificates.ts';
import type { EtcdTestCluster, SpareEtcdMember } from '../test/support/etcd.ts';
import { hasAddress } from '../test/support/loopback.ts';
import type { Machine, MachineState } from '../test/support/slack/machines.ts';

/** A prepared machine, and what is left of it at the end. */
export type PreparedMachine = Machine & { stop(): Promise<void> };

/** A log line is recent, so that what it says still holds, for this long. */
const recentMs = 2000;

/**
 * The fourth and the fifth node of the published case: prepared, not yet members. The members share one peer certificate, which names
 * neither; the right one, made for both at once, does.
 */
export async function prepareMachines(etcd: EtcdTestCluster): Promise<PreparedMachine[]> {
  // Where the loopback has one address alone, its name is the other host that today's certificate lacks.
  const hosts = (await hasAddress('127.0.0.4')) ? ['127.0.0.4', '127.0.0.5'] : ['localhost', 'localhost'];
  const [first = '', second = ''] = hosts;
  const names = ['127.0.0.1', ...new Set(hosts)];
  const [fourth, fifth] = await Promise.all([
    etcd.prepareSpare('etcd-4', names, first),
    etcd.prepareSpare('etcd-5', names, second),
  ]);
  const right = fourth.peerCertificate();
  const wrong = etcd.members[0]?.peerCertificate() ?? right;
  return [
    prepared(new Node(etcd, fourth), first, [
      {
        id: 'ask',
        title: 'Ask to add it …',
        hint: 'Puts the command into the message box, to be sent by Ann',
        puts: `/etcd add etcd-4 ${fourth.peerUrl}${second === first ? '' : ` --spare ${second}`}`,
      },
      {
        id: 'show',
        title: 'Show its certificate',
        hint: 'Presents a certificate that names it at its peer port, where the bot reads it: what openssl s_server does',
        run: (node) => node.show(right),
      },
      {
        id: 'start-wrong',
        title: 'Start, wrong certificate',
        hint: 'Starts etcd there with the certificate that the members share, which does not name it',
        run: (node) => node.start(wrong, 'the members’ certificate'),
      },
      {
        id: 'start',
        title: 'Start, right certificate',
        hint: 'Starts etcd there with a certificate that names it',
        run: (node) => node.start(right, 'its own certificate'),
      },
    ]),
    prepared(new Node(etcd, fifth), second, [
      {
        id: 'ask',
        title: 'Ask to add it …',
        hint: 'Puts the command into the message box, to be sent by Ann',
        puts: `/etcd add etcd-5 ${fifth.peerUrl}`,
      },
      {
        id: 'start',
        title: 'Start, right certificate',
        hint: 'Starts etcd there with the certificate that was made for both new nodes',
        run: (node) => node.start(right, 'the certificate made for both'),
      },
    ]),
  ];
}

type NodeAct = { readonly id: string; readonly title: string; readonly hint: string } & (
  | { run(node: Node): Promise<void> }
  | { readonly puts: string }
);

function prepared(node: Node, about: string, acts: readonly NodeAct[]): PreparedMachine {
  return {
    name: node.name,
    about,
    acts: acts.map((act) => ('run' in act ? { ...act, run: () => act.run(node) } : act)),
    state: () => node.state(),
    stop: () => node.hide(),
  };
}

/** A machine on which etcd is started by a button. */
class Node {
  readonly #etcd: EtcdTestCluster;
  readonly #spare: SpareEtcdMember;
  #showing: Server | undefined;
  #startedWith = '';

  constructor(etcd: EtcdTestCluster, spare: SpareEtcdMember) {
    this.#etcd = etcd;
    this.#spare = spare;
  }

  get name(): string {
    return this.#spare.name;
  }

  /** Presents a certificate at the peer port; stops what runs there. */
  async show({ certPem, keyPem }: Certificate): Promise<void> {
    await this.hide();
    await this.#spare.stop();
    const server = createServer({ cert: certPem, key: keyPem }, (socket) => socket.end());
    // Whoever looks goes away without a word.
    server.on('tlsClientError', () => undefined);
    const { hostname, port } = new URL(this.#spare.peerUrl);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(Number(port), hostname, resolve);
    });
    this.#showing = server;
    this.#startedWith = '';
  }

  async hide(): Promise<void> {
    const server = this.#showing;
    this.#showing = undefined;
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  }

  /**
   * Starts etcd as the bot's configuration says: with the list of members as it is now, and on an empty data directory unless it has
   * joined before. One that was not added ends by itself, and says why.
   */
  async start(certificate: Certificate, label: string): Promise<void> {
    const members = await this.#members();
    await this.hide();
    await this.#spare.stop();
    const { name, peerUrl } = this.#spare;
    const known = members.find((member) => member.peerURLs.includes(peerUrl));
    if (known === undefined || known.name === '') this.#spare.emptyData();
    this.#spare.usePeerCertificate(certificate);
    this.#startedWith = label;
    const listed = members.flatMap((member) =>
      member.peerURLs.map((url) => ({ name: member === known ? name : member.name || 'unstarted', peerUrl: url })),
    );
    await this.#spare.join(known === undefined ? [...listed, { name, peerUrl }] : listed);
  }

  state(): MachineState {
    if (this.#showing !== undefined) return { mood: 'off', text: 'shows its certificate; not started' };
    if (this.#startedWith === '') return { mood: 'off', text: 'not started' };
    const said = lastWarning(this.#spare.log());
    const says = said === undefined ? {} : { says: said.text };
    if (!this.#spare.isRunning()) return { mood: 'bad', text: `ended; it had ${this.#startedWith}`, ...says };
    const text = `runs with ${this.#startedWith}`;
    return said !== undefined && Date.now() - said.at < recentMs
      ? { mood: 'bad', text, ...says }
      : { mood: 'on', text };
  }

  async #members(): Promise<readonly { readonly name: string; readonly peerURLs: readonly string[] }[]> {
    const { stdout, stderr, exitCode } = await this.#etcd.etcdctl(['member', 'list', '-w', 'json']);
    if (exitCode !== 0) throw new Error(`etcdctl member list: ${stderr.trim().split('\n').at(-1)}`);
    const { members } = JSON.parse(stdout) as { members: { name?: string; peerURLs: string[] }[] };
    return members.map(({ name = '', peerURLs }) => ({ name, peerURLs }));
  }
}

/** The last thing that etcd was not content with, in a few words. */
function lastWarning(log: string): { readonly text: string; readonly at: number } | undefined {
  const lines = log.slice(-8000).split('\n').reverse();
  for (const line of lines) {
    if (!line.startsWith('{') || !line.endsWith('}')) continue;
    const { level, msg, error, ts } = JSON.parse(line) as Record<string, unknown>;
    if (level === 'info' || level === 'debug') continue;
    // Whole structures stand in some of them, as Go prints them.
    const text = (typeof error === 'string' ? `${msg}: ${error}` : String(msg)).replace(/\{.*\}/s, '…');
    return { text: shortened(text, 160), at: Date.parse(String(ts)) };
  }
  return undefined;
}
