import { isIP } from 'node:net';
import { Refusal } from '../refusal.ts';
import { shortened } from '../report/text.ts';
import { shortAddress } from './certificates.ts';
import { addressOf, hostPort } from './endpoint.ts';

/** The longest URL that is taken; a DNS name has at most 253 characters. */
const longestUrl = 300;
/** A member has one or two; more are a slip. */
const mostUrls = 8;

/** A name may be `etcd4` or `etcd-4.example`, as etcd writes it before the = of --initial-cluster. */
const memberName = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,100}[A-Za-z0-9])?$/;

/**
 * A name that a new member can have.
 * @throws Refusal that tells what is wrong with it
 */
export function requireMemberName(text: string): string {
  const name = text.trim();
  if (memberName.test(name)) return name;
  throw new Refusal(
    name === '' ? 'The new member’s name is missing.' : `"${shortened(name, 60)}" cannot be a member’s name.`,
    'Use letters, digits, -, _ and ., as in etcd4: a name stands before the = of --initial-cluster.',
  );
}

/**
 * Peer URLs as they were typed (several are apart by commas), in one spelling, sorted.
 * @throws Refusal that tells what is wrong with one
 */
export function requirePeerUrls(text: string): string[] {
  const words = text.split(',').map((word) => word.trim());
  if (words.length > mostUrls)
    throw new Refusal(`${words.length} peer URLs are too many.`, 'Name the one that the other members dial.');
  const urls = words.map(requirePeerUrl);
  const twice = urls.find((url, index) => urls.indexOf(url) !== index);
  if (twice !== undefined) throw new Refusal(`The peer URL ${twice} is given twice.`, 'Name each address once.');
  const hosts = urls.map((url) => addressOf(url).host);
  const shared = hosts.find((host, index) => hosts.indexOf(host) !== index);
  if (shared !== undefined)
    throw new Refusal(
      `Two of the peer URLs have the host ${shared}.`,
      'A member is one process: name each address of its machine once, with its peer port.',
    );
  return urls.sort();
}

function requirePeerUrl(text: string): string {
  const shown = shortened(text, 100);
  const advice = 'Write it as https://10.0.0.4:2380: the address and the peer port that the other members dial.';
  if (text === '') throw new Refusal('The peer URL is missing.', advice);
  if (text.length > longestUrl) throw new Refusal(`"${shown}" is too long for a URL.`, advice);
  if (/^[\w.-]+:\d+$/.test(text) || isIP(text) !== 0)
    throw new Refusal(
      `The peer URL "${shown}" has no scheme.`,
      `Write https://${isIP(text) === 0 ? text : hostPort(text, 2380)}, or http:// where the peers use no TLS.`,
    );
  if (!URL.canParse(text)) throw new Refusal(`"${shown}" is no URL.`, advice);
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol))
    throw new Refusal(`The peer URL "${shown}" has the scheme ${url.protocol.slice(0, -1)}.`, advice);
  // Not echoed: what stands there may be a password.
  if (url.username !== '' || url.password !== '')
    throw new Refusal(
      'The peer URL holds a user or a password.',
      'Peers know each other by certificates: leave it out.',
    );
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw new Refusal(`The peer URL "${shown}" has a path.`, 'etcd takes scheme, host and port alone.');
  // Node leaves out a port that is the scheme's own: the text tells whether one was written.
  if (!/:\d+\/?$/.test(text))
    throw new Refusal(
      `The peer URL "${shown}" has no port.`,
      `Add the peer port, 2380 by default: ${text.replace(/\/$/, '')}:2380.`,
    );
  const { host, port } = addressOf(text);
  if (port === 0) throw new Refusal(`The peer URL "${shown}" has the port 0.`, advice);
  return peerUrlOf(url.protocol === 'https:', host, port);
}

function peerUrlOf(isTls: boolean, host: string, port: number): string {
  return `${isTls ? 'https' : 'http'}://${hostPort(shortAddress(host).toLowerCase(), port)}`;
}

/** One spelling per peer URL; what is none (unix://…) stays as it is. */
export function canonicalPeerUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) return text;
  const { host, port, isTls } = addressOf(text);
  return peerUrlOf(isTls, host, port);
}

/** Whether two members are told by the same peer URLs, in whatever order and spelling. */
export function arePeerUrlsEqual(one: readonly string[], other: readonly string[]): boolean {
  const spelt = (urls: readonly string[]) => [...new Set(urls.map(canonicalPeerUrl))].sort().join(' ');
  return spelt(one) === spelt(other);
}

/** The hosts of URLs that can be dialled, each once; IPv6 addresses without brackets. */
export function hostsOf(urls: readonly string[]): string[] {
  return [
    ...new Set(urls.filter((url) => URL.canParse(url)).map((url) => shortAddress(addressOf(url).host).toLowerCase())),
  ].filter((host) => host !== '');
}
