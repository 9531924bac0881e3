import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { build } from '../../scripts/build.mjs';
import type { FieldCase, FieldCertificate, FieldResult } from '../support/field/case.ts';
import { ownNetwork, whyNoOwnNetwork } from '../support/field/network.ts';
import { makeFolder, removeFolder, startProcess } from '../support/process.ts';

/** Three members share a certificate that names 10.0.0.11 to .13 (or fd00::11 to ::13); the new node is the one that ends in 14. */
const hosts = { 'etcd-4.example': '10.0.0.14', 'etcd-4.rack.example': '10.0.0.14' };
const at = (certificate: FieldCertificate, more: Partial<FieldCase> = {}): FieldCase => ({
  cluster: 'ipv4',
  peerUrl: 'https://10.0.0.14:2380',
  certificate,
  handedOver: 'yes',
  ...more,
});
const named = (...names: readonly string[]): FieldCertificate => ({ names });
const shared = (more: Partial<FieldCase> = {}): FieldCase => ({
  ...at(named()),
  certificate: 'the shared one',
  handedOver: 'no',
  ...more,
});
const byName = { peerUrl: 'https://etcd-4.example:2380' };

interface Expected {
  readonly title: string;
  readonly given: FieldCase;
  /** Checks that stand in the way, as the bot tells them before anything is done; none where it may begin. */
  readonly blocking: readonly string[];
  readonly outcome: FieldResult['outcome'];
  /** In the words of the members' logs, and of the new node's. */
  readonly oldLog?: RegExp;
  readonly newLog?: RegExp;
  /** How the change ends, or what it waits for. */
  readonly said: RegExp;
}

const names = 'The certificate names the new node';
const family = 'The addresses are of one family';
const ends = /discovery failed/;
const refused = /rejected connection.*remote error: tls: bad certificate/;
const silent = /^Nothing listens at https:\/\//;
const notFit =
  /^etcd-4 is not fit to vote: .*It replicates and reports itself healthy all the same, and etcd would promote it: a zombie\.$/;

const table: readonly Expected[] = [
  {
    title: 'the shared certificate without its address',
    given: shared(),
    blocking: [names],
    outcome: 'exits',
    oldLog:
      /rejected connection.*x509: certificate is valid for 10\.0\.0\.11, 10\.0\.0\.12, 10\.0\.0\.13, not 10\.0\.0\.14/,
    newLog: ends,
    said: /^Nothing listens at https:\/\/10\.0\.0\.14:2380\. Its peers would refuse the certificate that all members share, for it lacks 10\.0\.0\.14/,
  },
  {
    title: 'the shared certificate, made anew with its address',
    given: shared({ sharedNames: ['10.0.0.14'] }),
    blocking: [],
    outcome: 'joins',
    said: /^done$/,
  },
  {
    title: 'one of its own, while the members keep theirs',
    given: at(named('10.0.0.14')),
    blocking: [],
    outcome: 'joins',
    said: /^done$/,
  },
  {
    title: 'serverAuth alone',
    given: at({ ...named('10.0.0.14'), usages: ['server'] }),
    blocking: ['The certificate is for server and client'],
    outcome: 'exits',
    oldLog: /x509: certificate specifies an incompatible key usage/,
    newLog: ends,
    said: silent,
  },
  {
    title: 'clientAuth alone',
    given: at({ ...named('10.0.0.14'), usages: ['client'] }),
    blocking: ['The certificate is for server and client'],
    outcome: 'zombie',
    oldLog: /x509: certificate specifies an incompatible key usage/,
    newLog: refused,
    said: notFit,
  },
  {
    title: 'another CA of the same name',
    given: at({ ...named('10.0.0.14'), by: 'another CA' }),
    blocking: ['The certificate is signed by the peers’ CA'],
    outcome: 'exits',
    oldLog: /x509: certificate signed by unknown authority/,
    newLog: ends,
    said: silent,
  },
  {
    title: 'an intermediate CA whose certificate stands behind it',
    given: at({ ...named('10.0.0.14'), by: 'an intermediate CA' }),
    blocking: [],
    outcome: 'joins',
    said: /^done$/,
  },
  {
    title: 'an intermediate CA whose certificate was forgotten',
    given: at({ ...named('10.0.0.14'), by: 'an intermediate CA that is left out' }),
    blocking: ['The certificate is signed by the peers’ CA'],
    outcome: 'exits',
    oldLog: /x509: certificate signed by unknown authority/,
    newLog: ends,
    said: silent,
  },
  {
    title: 'an end in the past',
    given: at({ ...named('10.0.0.14'), dates: 'past' }),
    blocking: ['The certificate is in date'],
    outcome: 'exits',
    oldLog: /x509: certificate has expired or is not yet valid/,
    newLog: ends,
    said: silent,
  },
  {
    title: 'a beginning in the future',
    given: at({ ...named('10.0.0.14'), dates: 'future' }),
    blocking: ['The certificate is in date'],
    outcome: 'exits',
    oldLog: /x509: certificate has expired or is not yet valid/,
    newLog: ends,
    said: silent,
  },
  {
    title: 'a name alone, that nobody can look up',
    given: at(named('etcd-4.nowhere')),
    blocking: [names],
    outcome: 'exits',
    oldLog: /\\"10\.0\.0\.14\\" does not match any of DNSNames \[\\"etcd-4\.nowhere\\"\]/,
    newLog: ends,
    said: silent,
  },
  {
    title: 'a name alone that leads to it, while its peer URL has the address',
    given: at(named('etcd-4.example')),
    blocking: [names],
    outcome: 'zombie',
    newLog: refused,
    said: notFit,
  },
  {
    title: 'the name that its peer URL has',
    given: at(named('etcd-4.example'), byName),
    blocking: [],
    outcome: 'joins',
    said: /^done$/,
  },
  {
    title: 'a wildcard for it',
    given: at(named('*.rack.example'), { peerUrl: 'https://etcd-4.rack.example:2380' }),
    blocking: [],
    outcome: 'joins',
    said: /^done$/,
  },
  {
    title: 'a wildcard below a single label, which only Go takes',
    given: at(named('*.example'), byName),
    blocking: [],
    outcome: 'joins',
    said: /^done$/,
  },
  {
    title: 'its address, while its peer URL has a name',
    given: at(named('10.0.0.14'), byName),
    blocking: [names],
    outcome: 'zombie',
    newLog: refused,
    said: notFit,
  },
  {
    title: 'its name, and the address of another',
    given: at(named('etcd-4.example', '10.0.0.11'), byName),
    blocking: [],
    outcome: 'joins',
    said: /^done$/,
  },
  {
    title: 'no name at all',
    given: at(named()),
    blocking: [names],
    outcome: 'zombie',
    oldLog: /x509: cannot validate certificate for 10\.0\.0\.14 because it doesn't contain any IP SANs/,
    newLog: refused,
    said: notFit,
  },
  {
    title: 'no name at all, where the bot reaches neither port of it and has the members’ metrics alone',
    given: { ...at(named()), handedOver: 'no', botIs: 'cut off' },
    blocking: [names],
    outcome: 'zombie',
    said: /^etcd-4 is not fit to vote: its peers have no connection to it\.$/,
  },
  {
    title: 'the right one, behind NAT: what cannot be seen, and is asked',
    given: at(named('10.0.0.14'), { comesFrom: '10.0.0.15' }),
    blocking: [],
    outcome: 'exits',
    oldLog: /x509: certificate is valid for 10\.0\.0\.14, not 10\.0\.0\.15/,
    newLog: ends,
    said: silent,
  },
  {
    title: 'both addresses, behind NAT',
    given: at(named('10.0.0.14', '10.0.0.15'), { comesFrom: '10.0.0.15' }),
    blocking: [],
    outcome: 'joins',
    said: /^done$/,
  },
  {
    title: 'an IPv6 address among members at IPv4',
    given: at(named('fd00::14'), { peerUrl: 'https://[fd00::14]:2380' }),
    blocking: [family],
    outcome: 'exits',
    oldLog: /x509: certificate is valid for fd00::14, not 10\.0\.0\.14/,
    newLog: ends,
    said: silent,
  },
  {
    title: 'the addresses of both families, which the members’ certificate lacks',
    given: at(named('fd00::14', '10.0.0.14'), { peerUrl: 'https://[fd00::14]:2380' }),
    blocking: [family],
    outcome: 'zombie',
    newLog:
      /rejected connection.*x509: certificate is valid for 10\.0\.0\.11, 10\.0\.0\.12, 10\.0\.0\.13, not fd00::1[123]/,
    said: notFit,
  },
  {
    title: 'the addresses of both families in every certificate',
    given: at(named('fd00::14', '10.0.0.14'), {
      peerUrl: 'https://[fd00::14]:2380',
      sharedNames: ['fd00::11', 'fd00::12', 'fd00::13'],
    }),
    blocking: [],
    outcome: 'joins',
    said: /^done$/,
  },
  {
    title: 'IPv6 in two spellings, among members at IPv6',
    given: at(named('fd00:0:0:0:0:0:0:14'), { cluster: 'ipv6', peerUrl: 'https://[fd00:0:0::14]:2380' }),
    blocking: [],
    outcome: 'joins',
    said: /^done$/,
  },
  {
    title: 'the shared certificate without its address, at IPv6',
    given: shared({ cluster: 'ipv6', peerUrl: 'https://[fd00::14]:2380' }),
    blocking: [names],
    outcome: 'exits',
    oldLog: /x509: certificate is valid for fd00::11, fd00::12, fd00::13, not fd00::14/,
    newLog: ends,
    said: silent,
  },
];

const reason = whyNoOwnNetwork();
if (reason !== undefined)
  process.stderr.write(
    `Skipped: peer certificates between machines of their own: ${reason}. What plain loopback shows of them is in test/etcd/membership.test.ts.\n`,
  );
const whereItCan = reason === undefined ? describe : describe.skip;

whereItCan('a new member’s certificate, between machines of their own: foreseen, and then done by etcd', () => {
  let folder: string;
  let results: Record<string, FieldResult | { readonly error: string }>;

  beforeAll(async () => {
    await build();
    folder = makeFolder('quorum-field');
    const cases = Object.fromEntries(table.map(({ title, given }) => [title, given]));
    writeFileSync(join(folder, 'cases.json'), JSON.stringify({ cases, hosts }));
    const program = join(dirname(import.meta.dirname), '..', 'dist', 'test', 'support', 'field', 'main.js');
    const [command, ...words] = ownNetwork;
    const running = await startProcess({
      name: 'a network of its own',
      command,
      args: [...words, process.execPath, '--disable-warning=DEP0123', program, folder],
    });
    const { code } = await running.exited;
    if (code !== 0) throw new Error(`It ended with ${code}:\n${running.log()}`);
    results = JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8'));
  }, 600_000);

  afterAll(() => removeFolder(folder));

  function resultOf(title: string): FieldResult {
    const result = results[title];
    if (result === undefined || 'error' in result) throw new Error(result?.error ?? 'it was not tried');
    return result;
  }

  test.each(table)('$title: $outcome', ({ title, blocking, outcome, oldLog = /^/, newLog = /^/, said }) => {
    const result = resultOf(title);
    expect(result.checks.filter(({ status }) => status === 'blocking').map(({ name }) => name)).toEqual(blocking);
    expect([result.outcome, result.exitCode]).toEqual([outcome, outcome === 'exits' ? 1 : null]);
    expect(result.oldLog).toMatch(oldLog);
    expect(result.newLog).toMatch(newLog);
    expect(result.said).toMatch(said);
    // Promoted where it is fit; a zombie stays a learner, and what never started has no name.
    expect(result.listed).toEqual({ name: outcome === 'exits' ? '' : 'etcd-4', isLearner: outcome !== 'joins' });
  });

  test.each(table.filter(({ blocking, given }) => blocking.length > 0 && given.botIs === undefined))(
    'what was foreseen of $title is what came',
    ({ title, outcome, blocking }) => {
      const { checks } = resultOf(title);
      const foreseen = checks.find(({ name }) => name === blocking[0])?.seen ?? '';
      expect(foreseen).toMatch(
        outcome === 'exits' ? /the new process ends at its start/ : /a zombie that etcd would even promote/,
      );
    },
  );

  test('no zombie comes further than to have caught up', () => {
    const zombies = table.filter(({ outcome }) => outcome === 'zombie').map(({ title }) => resultOf(title));
    expect(zombies).toHaveLength(6);
    expect(zombies.map(({ done }) => done.at(-1))).toEqual(Array(6).fill('Caught up'));
  });
});
