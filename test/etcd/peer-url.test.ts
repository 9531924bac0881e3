import { describe, expect, test } from '@jest/globals';
import { etcdAdd } from '../../commands/etcd/add.ts';
import { emptyConfig } from '../../src/config.ts';
import { arePeerUrlsEqual, requireMemberName, requirePeerUrls } from '../../src/etcd/peer-url.ts';
import { parseLine, parseWords } from '../../src/grammar.ts';

describe('a peer URL as it is typed', () => {
  test.each([
    ['https://10.0.0.4:2380', ['https://10.0.0.4:2380']],
    ['https://10.0.0.4:2380/', ['https://10.0.0.4:2380']],
    ['HTTPS://ETCD4.Example:2380', ['https://etcd4.example:2380']],
    ['https://[2001:DB8:0:0::4]:2380', ['https://[2001:db8::4]:2380']],
    ['https://10.0.0.4:443', ['https://10.0.0.4:443']],
    ['https://b.example:2380, https://a.example:2380', ['https://a.example:2380', 'https://b.example:2380']],
  ])('%s is taken', (typed, urls) => {
    expect(requirePeerUrls(typed)).toEqual(urls);
  });

  test.each([
    ['', 'The peer URL is missing.'],
    ['10.0.0.4:2380', 'The peer URL "10.0.0.4:2380" has no scheme.'],
    ['10.0.0.4', 'The peer URL "10.0.0.4" has no scheme.'],
    ['::4', 'The peer URL "::4" has no scheme.'],
    ['etcd4', '"etcd4" is no URL.'],
    ['https://10.0.0.4', 'The peer URL "https://10.0.0.4" has no port.'],
    ['https://10.0.0.4:0', 'The peer URL "https://10.0.0.4:0" has the port 0.'],
    ['https://10.0.0.4:99999', '"https://10.0.0.4:99999" is no URL.'],
    ['https://10.0.0.4:2380/members', 'The peer URL "https://10.0.0.4:2380/members" has a path.'],
    ['https://10.0.0.4:2380?x=1', 'The peer URL "https://10.0.0.4:2380?x=1" has a path.'],
    ['unix://etcd4.sock:2380', 'The peer URL "unix://etcd4.sock:2380" has the scheme unix.'],
    ['https://root:secret@10.0.0.4:2380', 'The peer URL holds a user or a password.'],
    ['https://10.0.0.4:2380,https://10.0.0.4:2380', 'The peer URL https://10.0.0.4:2380 is given twice.'],
    ['https://10.0.0.4:2380,https://10.0.0.4:2381', 'Two of the peer URLs have the host 10.0.0.4.'],
    ['https://[::4]:2380,https://[0:0::4]:2381', 'Two of the peer URLs have the host ::4.'],
    [`https://${'a'.repeat(400)}:2380`, /^"https:\/\/a{91}…" is too long for a URL\.$/],
    [Array(9).fill('https://a:1').join(), '9 peer URLs are too many.'],
  ])('%s is refused', (typed, said) => {
    expect(() => requirePeerUrls(typed)).toThrow(said);
  });

  test.each(['', ' ', 'a b', 'a=b', 'a,b', '-a', 'ä', 'a'.repeat(200)])('the name "%s" is refused', (name) => {
    expect(() => requireMemberName(name)).toThrow(/name/);
  });

  test('two lists are the same in whatever order and spelling', () => {
    expect(
      arePeerUrlsEqual(['https://[::1]:2380', 'https://B:1'], ['https://b:1', 'https://[0:0:0:0:0:0:0:1]:2380']),
    ).toBe(true);
    expect(arePeerUrlsEqual(['https://a:1'], ['https://a:1', 'https://b:1'])).toBe(false);
    expect(arePeerUrlsEqual(['unix://x'], ['unix://x'])).toBe(true);
  });
});

describe('/etcd add as it is typed', () => {
  const input = (line: string) => {
    const asked = parseLine([etcdAdd], line);
    if (asked.kind !== 'command') throw new Error('help');
    return etcdAdd.input(parseWords(asked.command, asked.args), 'prod', emptyConfig().changes);
  };

  test('gives the whole input, spare addresses sorted and each once', () => {
    expect(input('/etcd add etcd4 https://10.0.0.4:2380 --spare 10.0.0.6 --spare 10.0.0.5,10.0.0.6 --voter')).toEqual({
      cluster: 'prod',
      name: 'etcd4',
      peerUrls: ['https://10.0.0.4:2380'],
      as: 'voter',
      spare: ['10.0.0.5', '10.0.0.6'],
      certificate: null,
      startTimeoutMs: 1_800_000,
    });
  });

  test.each([
    ['/etcd add', 'The new member’s name and peer URL are missing.'],
    ['/etcd add etcd4', 'The new member’s peer URL is missing.'],
    ['/etcd add etcd4 https://10.0.0.4:2380 again', '"again" is one word too many.'],
    ['/etcd add etcd4 https://10.0.0.4:2380 --spare https://10.0.0.5', '--spare "https://10.0.0.5" is no address.'],
    [
      '/etcd add etcd4 https://10.0.0.4:2380 --cert /etc/passwd',
      'A path in --cert is read in a terminal only, from the machine where it is typed.',
    ],
  ])('%s is refused', (line, said) => {
    expect(() => input(line)).toThrow(said);
  });
});
