import { etcdKeys as job } from '../../jobs/etcd/keys.ts';
import { command } from '../../src/command.ts';
import { atMostOnePrefix, wholeNumber } from '../../src/etcd/keys/key-words.ts';

/** `/etcd keys`: what fills the store. */
export const etcdKeys = command({
  name: 'etcd keys',
  summary: 'What fills the store: how many keys, how large, by prefix, as `du` would tell',
  takes: '[prefix]',
  explains:
    "Read from a follower, a page at a time, and slower while the follower answers slowly, so that 1,000,000 keys may be asked about. No value is shown or kept. Names can be secrets themselves: everybody sees down to the namespace; with a longer prefix or a larger --depth operators see further, in an answer to them alone. A byte that cannot be typed is written as '\\x00', in single quotes.",
  examples: ['/etcd keys', '/etcd keys /registry/pods/ --top 5', '/etcd keys /registry/secrets/shop/ --depth 1'],
  allowed: 'viewer',
  cluster: 'etcd',
  flags: {
    depth: { type: 'string', value: '<levels>', help: 'directories below the prefix; 2 where not given' },
    top: { type: 'string', value: '<number>', help: 'how many of the largest; 20 where not given' },
  },
  job,
  input: (words, cluster) => ({
    cluster,
    prefix: atMostOnePrefix(words),
    depth: words.isSet('depth') ? wholeNumber('depth', words.flag('depth'), 20) : null,
    top: words.isSet('top') ? wholeNumber('top', words.flag('top'), 100) : 20,
  }),
});
