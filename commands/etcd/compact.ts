import { etcdCompact as job } from '../../jobs/etcd/compact.ts';
import { command } from '../../src/command.ts';
import { compactionOf, noWords } from '../../src/etcd/command-words.ts';

/** `/etcd compact`: drops old history, by plan and approval. */
export const etcdCompact = command({
  name: 'etcd compact',
  summary: 'Drop old history, all but the last 10,000 revisions or as said; needs an approval',
  takes: '',
  explains:
    'etcd keeps no times of revisions: an age is taken only as far back as the bot has looked. To the head only under NOSPACE: every watch that is behind lists again.',
  examples: ['/etcd compact', '/etcd compact --keep-revisions 1000', '/etcd compact --older-than 1h'],
  allowed: 'operator',
  cluster: 'etcd',
  flags: {
    'keep-revisions': {
      type: 'string',
      value: '<number>',
      help: 'How many of the latest revisions stay; 10000 where not given',
    },
    'older-than': {
      type: 'string',
      value: '<duration>',
      help: 'Drop what is older, as far as the bot has looked: 1h, 2d',
    },
    'to-head': { type: 'boolean', help: 'Drop all of it; only under NOSPACE' },
  },
  job,
  input: (words, cluster) => ({ ...noWords(words), cluster, compaction: compactionOf(words) }),
});
