import { isIP } from 'node:net';
import type { Check } from '../job.ts';
import { listed } from '../report/text.ts';
import { exits, type PeerHost, zombie } from './peer-certificate.ts';

/** Both ends of the links that a new member makes. */
export type LinkEnds = {
  readonly members: readonly PeerHost[];
  readonly fresh: readonly PeerHost[];
  /** The names in the certificates that members present, as far as they were read. */
  readonly memberNames: readonly (readonly string[])[];
  /** The names in the new node's; null where it is not known. */
  readonly freshNames: readonly string[] | null;
};

type Family = 4 | 6;

/**
 * Where a new member is dialled at IPv6 and the members at IPv4 (or the other way round), every connection comes from an address that no
 * peer URL names: the listening end holds that one against the certificate. Nothing is told where both speak the same.
 */
export function familyChecks({ members, fresh, memberNames, freshNames }: LinkEnds): Check[] {
  const [theirs, own] = [familiesOf(members), familiesOf(fresh)];
  const [their] = theirs;
  const [its] = own;
  if (their === undefined || its === undefined || own.some((family) => theirs.includes(family))) return [];
  const faults = [
    ...(freshNames !== null && lacks(freshNames, their)
      ? [
          `the new node dials the members from its IPv${their} address, and its certificate names no IPv${their} address (it has ${freshNames.join(', ')}). What would happen: ${exits}`,
        ]
      : []),
    ...(memberNames.some((names) => lacks(names, its))
      ? [
          `the members dial the new node from their IPv${its} addresses, and their certificate names no IPv${its} address. What would happen: ${zombie}`,
        ]
      : []),
  ];
  return [
    {
      name: 'The addresses are of one family',
      status: faults.length > 0 ? 'blocking' : 'warning',
      seen: `${listed(fresh.map(({ host }) => host))} is IPv${its}, and the members are at IPv${their}${faults.length > 0 ? `: ${faults.join('; and ')}` : ': each end is dialled from an address that no peer URL names'}.`,
      advice: `Give an IPv${their} peer URL, as the members have; or put the addresses of both families into every certificate.`,
    },
  ];
}

function familiesOf(hosts: readonly PeerHost[]): Family[] {
  const families = hosts.flatMap(({ addresses }) => addresses ?? []).map((address) => isIP(address));
  return [...new Set(families)].filter((family) => family === 4 || family === 6);
}

/** etcd looks at addresses only where the certificate has any; without one it looks its names up, or lets it in. */
function lacks(names: readonly string[], family: Family): boolean {
  const addresses = names.map((name) => isIP(name)).filter((found) => found !== 0);
  return addresses.length > 0 && !addresses.includes(family);
}
