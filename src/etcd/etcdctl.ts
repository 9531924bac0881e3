import type { ClusterSeen } from './cluster.ts';
import { addressOf, hostPort } from './endpoint.ts';

type Access = Pick<ClusterSeen, 'tls' | 'username'>;

/** An etcdctl command with this cluster's endpoints and the bot's own files, ready to paste; a password is asked for. */
export function etcdctl(access: Access, endpoints: readonly string[], ...words: readonly string[]): string {
  const { ca, cert, key } = access.tls;
  const flags = [
    `--endpoints=${quoted(endpoints.join(','))}`,
    ...(ca === undefined ? [] : [`--cacert=${quoted(ca)}`]),
    ...(cert === undefined ? [] : [`--cert=${quoted(cert)}`]),
    ...(key === undefined ? [] : [`--key=${quoted(key)}`]),
    ...(access.username === null ? [] : [`--user=${quoted(access.username)}`]),
  ];
  return ['etcdctl', ...flags, ...words].join(' ');
}

/** A command that prints the certificate which an endpoint shows. */
export function showServerCertificate(endpoint: string): string {
  const { host, port } = addressOf(endpoint);
  return `openssl s_client -connect ${quoted(hostPort(host, port))} </dev/null 2>/dev/null | openssl x509 -noout -subject -issuer -dates -ext subjectAltName`;
}

/** A command that prints a certificate file. */
export function showCertificateFile(file: string): string {
  return `openssl x509 -in ${quoted(file)} -noout -subject -issuer -dates -ext extendedKeyUsage`;
}

/** A word as a POSIX shell takes it: quoted only where it has to be. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./[\]-]+$/.test(word) && !/[[\]]/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
