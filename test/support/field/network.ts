import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A machine in a network of ours: a user, whose connections come from these addresses and no others. On plain loopback every
 * connection comes from 127.0.0.1, and that hides half of what peers refuse a certificate for.
 */
export interface FieldNode {
  readonly user: number;
  readonly ip: string;
  readonly ip6: string;
  /** Words before a command that is to run there. */
  readonly under: readonly string[];
}

/** The machine whose addresses end in this number, 11 to 19. */
export function fieldNode(number: number): FieldNode {
  const user = 1000 + number;
  const identity = ['--reuid', String(user), '--regid', String(user), '--clear-groups'];
  // Another user, who still reads and writes the files of this one.
  const capability = ['--inh-caps', '+dac_override', '--ambient-caps', '+dac_override'];
  return { user, ip: `10.0.0.${number}`, ip6: `fd00::${number}`, under: ['setpriv', ...identity, ...capability] };
}

/** The words before a command that is to have a network, and mounts, of its own. */
export const ownNetwork = ['unshare', '--net', '--mount'] as const;

/** Why no such network can be had on this machine; undefined where it can. */
export function whyNoOwnNetwork(): string | undefined {
  if (process.platform !== 'linux') return 'that needs Linux';
  if (process.getuid?.() !== 0) return 'that needs root';
  const needed = [
    'ip link set lo up',
    'ip rule add pref 1 uidrange 1011-1011 lookup 1011',
    'mount --bind /etc/hosts /etc/hosts',
    [...fieldNode(11).under, 'true'].join(' '),
  ];
  const [command, ...words] = ownNetwork;
  try {
    execFileSync(command, [...words, 'sh', '-c', needed.join(' && ')], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    const said = error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error);
    return `that needs unshare, ip and setpriv, with CAP_NET_ADMIN and CAP_SYS_ADMIN (${said})`;
  }
}

/**
 * Lays out the network that this process was given of its own: addresses, whose they are, and names.
 * @param hosts names and where they lead; nothing else is known there, for no name server can be reached
 */
export function layOutNetwork(
  numbers: readonly number[],
  hosts: Readonly<Record<string, string>>,
  folder: string,
): void {
  ip('link set lo up');
  for (const { user, ip: address, ip6 } of numbers.map(fieldNode)) {
    ip(`addr add ${address}/32 dev lo`);
    ip(`-6 addr add ${ip6}/128 dev lo nodad`);
    for (const family of ['-4', '-6']) ip(`${family} rule add pref ${user} uidrange ${user}-${user} lookup ${user}`);
    comesFrom(user, address);
    ip(`-6 route add local fd00::/64 dev lo src ${ip6} table ${user}`);
  }
  for (const family of ['-4', '-6']) {
    // The rules above have to come before the table of local addresses, which would choose the address that is dialled.
    ip(`${family} rule add pref 10000 lookup local`);
    ip(`${family} rule del pref 0`);
  }
  const hostsFile = join(folder, 'hosts');
  const lines = Object.entries(hosts).map(([name, address]) => `${address} ${name}`);
  writeFileSync(hostsFile, ['127.0.0.1 localhost', '::1 localhost', ...lines, ''].join('\n'), { mode: 0o644 });
  execFileSync('mount', ['--bind', hostsFile, '/etc/hosts']);
}

/** From now on this user's IPv4 connections come from that address, as behind NAT. */
export function comesFrom(user: number, address: string): void {
  ip(`route replace local 10.0.0.0/24 dev lo src ${address} table ${user}`);
}

/** Cuts us, and nobody else, off from an address. */
export function cutOff(address: string): void {
  ip(`rule add pref 500 uidrange 0-0 to ${address} unreachable`);
}

export function reconnect(address: string): void {
  ip(`rule del pref 500 uidrange 0-0 to ${address} unreachable`);
}

function ip(line: string): void {
  execFileSync('ip', line.split(' '), { stdio: 'pipe' });
}
