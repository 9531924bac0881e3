import { isIP } from 'node:net';
import type { Section } from '../report/report.ts';
import { memberCertificates } from './certificate-checks.ts';
import type { KnownCluster } from './member-reference.ts';
import { hostsOf } from './peer-url.ts';
import type { PeersSeen } from './peers.ts';

type Wanted = { readonly name: string; readonly peerUrls: readonly string[]; readonly spare: readonly string[] };

/** The names for the new node's certificate: those of today's where all share one, the new node's own, and spare ones. */
export function wantedNames({ peerUrls, spare }: Wanted, view: KnownCluster, peers: PeersSeen): string[] {
  const { read, isShared } = memberCertificates(view, peers);
  const [first] = read;
  const today = isShared && first !== undefined ? first.facts.names : [];
  return [...new Set([...today, ...hostsOf(peerUrls), ...spare])];
}

/** A request for the certificate that is missing: as cfssl takes it, and as openssl does, with the commands. */
export function certificateRequestSections(wanted: Wanted, view: KnownCluster, peers: PeersSeen): Section[] {
  const names = wantedNames(wanted, view, peers);
  const base = `${wanted.name}-peer`;
  return [
    {
      more: true,
      kind: 'text',
      title: 'The certificate that the new node needs',
      text: [
        `It holds ${names.join(', ')}, is for server and client, and is signed by the CA that the members trust for their peers (--peer-trusted-ca-file).`,
        'The members need no new certificate: each end of a connection shows its own, and only the new node’s has to name the new node. Nothing restarts.',
        ...(wanted.spare.length === 0
          ? ['With --spare the addresses of later nodes go in at once, so that the next one needs no new certificate.']
          : []),
      ].join('\n'),
    },
    { more: true, kind: 'code', title: `${base}-csr.json (cfssl)`, text: cfsslRequest(base, names) },
    { more: true, kind: 'code', title: 'With cfssl', text: cfsslCommands(base) },
    { more: true, kind: 'code', title: `${base}.cnf (openssl)`, text: opensslConfig(base, names) },
    { more: true, kind: 'code', title: 'With openssl', text: opensslCommands(base) },
  ];
}

function cfsslRequest(commonName: string, names: readonly string[]): string {
  return JSON.stringify({ CN: commonName, hosts: names, key: { algo: 'rsa', size: 2048 } }, null, 2);
}

/** A profile is given in place, so that the commands do not depend on one of the reader's ca-config.json. */
function cfsslCommands(base: string): string {
  const profile = JSON.stringify({
    signing: { default: { expiry: '8760h', usages: ['signing', 'key encipherment', 'server auth', 'client auth'] } },
  });
  return [
    `echo '${profile}' > peer-config.json`,
    `cfssl gencert -ca=ca.crt -ca-key=ca.key -config=peer-config.json ${base}-csr.json | cfssljson -bare ${base}`,
    `# gives ${base}.pem and ${base}-key.pem`,
  ].join('\n');
}

/** A request's names and uses, as openssl takes them. */
export function opensslConfig(
  commonName: string,
  names: readonly string[],
  uses: 'serverAuth' | 'serverAuth, clientAuth' = 'serverAuth, clientAuth',
): string {
  const entries = names.map((name, index) => {
    const kind = isIP(name) === 0 ? 'DNS' : 'IP';
    const number = names.slice(0, index).filter((other) => (isIP(other) === 0) === (isIP(name) === 0)).length + 1;
    return `${kind}.${number} = ${name}`;
  });
  return [
    '[req]',
    'distinguished_name = subject',
    'req_extensions = peer',
    'prompt = no',
    '',
    '[subject]',
    `CN = ${commonName}`,
    '',
    '[peer]',
    'basicConstraints = CA:FALSE',
    'keyUsage = critical, digitalSignature, keyEncipherment',
    `extendedKeyUsage = ${uses}`,
    'subjectAltName = @names',
    '',
    '[names]',
    ...entries,
  ].join('\n');
}

/** The commands that make key, request and certificate of `<base>.cnf`. @param ca the CA's files, without .crt and .key */
export function opensslCommands(base: string, ca = 'ca'): string {
  return [
    `openssl req -new -newkey rsa:2048 -nodes -keyout ${base}.key -out ${base}.csr -config ${base}.cnf`,
    `openssl x509 -req -in ${base}.csr -CA ${ca}.crt -CAkey ${ca}.key -CAcreateserial -days 365 -sha256 -extfile ${base}.cnf -extensions peer -out ${base}.crt`,
    `openssl verify -CAfile ${ca}.crt ${base}.crt && openssl x509 -in ${base}.crt -noout -ext subjectAltName,extendedKeyUsage`,
  ].join('\n');
}
