import { quotedWord } from '../shell-quoting.ts';
import type { ClusterSeen } from './cluster.ts';
import { addressOf, hostPort } from './endpoint.ts';

type Access = Pick<ClusterSeen, 'tls' | 'username'>;

/** An etcdctl command with this cluster's endpoints and the bot's own files, ready to paste; a password is asked for. */
export function etcdctl(access: Access, endpoints: readonly string[], ...words: readonly string[]): string {
  const { ca, cert, key } = access.tls;
  const flags = [
    `--endpoints=${quotedWord(endpoints.join(','))}`,
    ...(ca === undefined ? [] : [`--cacert=${quotedWord(ca)}`]),
    ...(cert === undefined ? [] : [`--cert=${quotedWord(cert)}`]),
    ...(key === undefined ? [] : [`--key=${quotedWord(key)}`]),
    ...(access.username === null ? [] : [`--user=${quotedWord(access.username)}`]),
  ];
  return ['etcdctl', ...flags, ...words].join(' ');
}

/** A command that prints the certificate which an endpoint shows. */
export function showServerCertificate(endpoint: string): string {
  const { host, port } = addressOf(endpoint);
  return `openssl s_client -connect ${quotedWord(hostPort(host, port))} </dev/null 2>/dev/null | openssl x509 -noout -subject -issuer -dates -ext subjectAltName`;
}

/** A command that prints a certificate file. */
export function showCertificateFile(file: string): string {
  return `openssl x509 -in ${quotedWord(file)} -noout -subject -issuer -dates -ext extendedKeyUsage`;
}
