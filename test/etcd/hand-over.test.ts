import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { certificateRequestSections } from '../../src/etcd/certificate-request.ts';
import { factsOf } from '../../src/etcd/certificates.ts';
import { connectEtcd, type EtcdCluster } from '../../src/etcd/client.ts';
import { handOverSections } from '../../src/etcd/member-config.ts';
import { requireKnown } from '../../src/etcd/member-reference.ts';
import type { Section } from '../../src/report/report.ts';
import { issue } from '../support/certificates.ts';
import { runToEnd } from '../support/command-line.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { etcdEnvironment, requireEtcd } from '../support/etcd-member.ts';
import {
  findFreePorts,
  makeFolder,
  type RunningProcess,
  removeFolder,
  startProcess,
  waitFor,
} from '../support/process.ts';

/** One member: a cluster of one lets a learner in without the wait of five seconds. */
let etcd: EtcdTestCluster;
let bot: EtcdCluster;
let folder: string;
const started: RunningProcess[] = [];

beforeAll(async () => {
  etcd = await startEtcd({ own: true, members: 1 });
  bot = await connectEtcd({ name: 'prod', endpoints: etcd.endpoints, tls: etcd.tls });
  folder = makeFolder('quorum-hand-over');
  await writePki();
}, 30_000);

afterAll(async () => {
  await Promise.all(started.map((process) => process.kill()));
  bot.close();
  await etcd.stop();
  removeFolder(folder);
});

/** What the files look for in their pki folder, made by whoever runs the node. */
async function writePki(): Promise<void> {
  const { authority } = etcd;
  if (authority === undefined) throw new Error('the cluster was started without TLS');
  mkdirSync(join(folder, 'pki'));
  const names = { addresses: ['127.0.0.1'], usages: ['server', 'client'] as const };
  for (const name of ['server', 'peer']) {
    const { certPem, keyPem } = await issue(authority, { commonName: name, ...names });
    writeFileSync(join(folder, 'pki', `${name}.crt`), certPem);
    writeFileSync(join(folder, 'pki', `${name}.key`), keyPem, { mode: 0o600 });
  }
  writeFileSync(join(folder, 'pki', 'ca.crt'), authority.certPem);
  writeFileSync(join(folder, 'ca.crt'), authority.certPem);
  writeFileSync(join(folder, 'ca.key'), authority.keyPem, { mode: 0o600 });
}

const textOf = (sections: readonly Section[], title: string): string => {
  const section = sections.find((one) => one.title === title);
  if (section?.kind !== 'code') throw new Error(`there is no ${title}`);
  return section.text;
};

/** Adds a learner, and gives the files that it is to be started with, with this machine's folders and a free client port in them. */
async function handedOver(name: string) {
  const [peerPort, clientPort] = await findFreePorts(2);
  const peerUrl = `https://127.0.0.1:${peerPort}`;
  const added = await bot.membership.add(etcd.endpoints[0] ?? '', { peerUrls: [peerUrl], isLearner: true });
  if (added.kind !== 'done') throw new Error(added.failure.said);
  const view = requireKnown(await bot.see());
  const sections = handOverSections(
    {
      name,
      id: added.value.id,
      peerUrls: [peerUrl],
      members: view.members.map(({ member }) => member),
      hosts: [{ host: '127.0.0.1', addresses: ['127.0.0.1'] }],
    },
    view,
  );
  const membersPort = new URL(etcd.endpoints[0] ?? '').port;
  const here = (text: string) =>
    text
      .replaceAll(/\/etc\/etcd\/pki|\/etc\/kubernetes\/pki\/etcd/g, join(folder, 'pki'))
      .replaceAll('/var/lib/etcd', join(folder, `data-${name}`))
      .replaceAll(`127.0.0.1:${membersPort}`, `127.0.0.1:${clientPort}`);
  return { id: added.value.id, file: (title: string) => here(textOf(sections, title)) };
}

async function start(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<RunningProcess> {
  const binary = requireEtcd();
  const process = await startProcess({
    name: 'etcd as it was handed over',
    command: binary.path,
    args,
    env: { ...etcdEnvironment(binary), ...variables },
    cwd: folder,
  });
  started.push(process);
  return process;
}

async function joins(process: RunningProcess, id: string, name: string): Promise<void> {
  const hasJoined = async () => {
    if (!process.isRunning()) throw new Error(process.log());
    return (await bot.membership.list()).value?.some((member) => member.id === id && member.name === name);
  };
  await waitFor(`${name} in the list`, hasJoined, { timeoutMs: 10_000 });
  await process.kill();
  await bot.membership.remove(etcd.endpoints[0] ?? '', id);
}

/** As systemd reads it: a line a variable, comments left out. */
function variablesIn(file: string): Record<string, string> {
  const lines = file.split('\n').filter((line) => !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

describe('a real etcd joins as a learner', () => {
  test('from the environment file, without a flag', async () => {
    const { id, file } = await handedOver('by-environment');
    const command = /^ExecStart=(\S+)$/m.exec(file('/etc/systemd/system/etcd.service'))?.[1];
    expect(command).toBe('/usr/local/bin/etcd');
    const process = await start([], variablesIn(file('/etc/etcd/etcd.env')));
    await joins(process, id, 'by-environment');
  });

  test('from etcd.conf.yaml', async () => {
    const { id, file } = await handedOver('by-file');
    writeFileSync(join(folder, 'etcd.conf.yaml'), file('/etc/etcd/etcd.conf.yaml'));
    await joins(await start(['--config-file', join(folder, 'etcd.conf.yaml')]), id, 'by-file');
  });

  test('from the flags of the static pod, which looks on kubeadm’s paths', async () => {
    const { id, file } = await handedOver('by-pod');
    const [metricsPort] = await findFreePorts(1);
    const [, ...flags] = parse(file('/etc/kubernetes/manifests/etcd.yaml')).spec.containers[0].command as string[];
    const here = flags.map((flag) => flag.replace('127.0.0.1:2381', `127.0.0.1:${metricsPort}`));
    await joins(await start(here), id, 'by-pod');
  });

  test('but not with a setting given both ways, which is why no file does', async () => {
    const { id, file } = await handedOver('both-ways');
    const process = await start(['--name', 'both-ways'], variablesIn(file('/etc/etcd/etcd.env')));
    expect((await process.exited).code).toBe(1);
    expect(process.log()).toContain(
      'conflicting environment variable "ETCD_NAME" is shadowed by corresponding command-line flag',
    );
    await bot.membership.remove(etcd.endpoints[0] ?? '', id);
  });
});

const hasOpenssl = (() => {
  try {
    // Configuration files with subjectAltName sections are read alike from 1.1.1 on.
    return /^OpenSSL (1\.1\.1|3|4)/.test(execFileSync('openssl', ['version'], { encoding: 'utf8' }));
  } catch {
    return false;
  }
})();
if (!hasOpenssl)
  process.stderr.write(
    'Skipped: the certificate by the openssl commands: there is no OpenSSL 1.1.1 or later on PATH.\n',
  );

describe('the certificate that the bot asks for', () => {
  const wanted = { name: 'etcd-4', peerUrls: ['https://127.0.0.1:2380'], spare: ['etcd-6.example', 'fd00::5'] };

  (hasOpenssl ? test : test.skip)('is made by the openssl commands as they stand, and lets a member in', async () => {
    const peers = await bot.seePeers({ members: etcd.peerUrls, fresh: [] });
    const sections = certificateRequestSections(wanted, requireKnown(await bot.see()), peers);
    writeFileSync(join(folder, 'etcd-4-peer.cnf'), textOf(sections, 'etcd-4-peer.cnf (openssl)'));
    const { exitCode, stdout, stderr } = await runToEnd({
      name: 'the openssl commands',
      command: 'sh',
      args: ['-ec', textOf(sections, 'With openssl')],
      cwd: folder,
    });
    expect([exitCode, stdout.split('\n')[0]]).toEqual([0, 'etcd-4-peer.crt: OK']);
    expect(stderr).not.toMatch(/error/i);
    const made = new X509Certificate(readFileSync(join(folder, 'etcd-4-peer.crt')));
    expect(factsOf(made)).toMatchObject({
      subject: 'CN=etcd-4-peer',
      names: expect.arrayContaining(['127.0.0.1', 'etcd-6.example', 'fd00::5']),
      isCa: false,
      canServe: true,
      canBeClient: true,
      keyBits: 2048,
    });

    for (const kind of ['crt', 'key'])
      copyFileSync(join(folder, `etcd-4-peer.${kind}`), join(folder, 'pki', `peer.${kind}`));
    const { id, file } = await handedOver('etcd-4');
    await joins(await start([], variablesIn(file('/etc/etcd/etcd.env'))), id, 'etcd-4');
  });
});
