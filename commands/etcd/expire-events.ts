import { etcdExpireEvents as job } from '../../jobs/etcd/expire-events.ts';
import { command } from '../../src/command.ts';
import { noWords } from '../../src/etcd/command-words.ts';
import { eventAgeMs } from '../../src/etcd/keys/key-words.ts';

/** `/etcd expire-events`: the way out where events flood the store, by plan and approval. */
export const etcdExpireEvents = command({
  name: 'etcd expire-events',
  summary: 'End a flood of events: the old ones by their leases, all of them under NOSPACE; needs an approval',
  takes: '',
  explains:
    'Revokes leases that hold events alone (under /registry/events/, or eventsPrefix in the config) and touches no other key. An age is what was granted less what is left. Under NOSPACE, where it must be fast, it deletes all events and goes on to compact, defragment, disarm and prove a write.',
  examples: ['/etcd expire-events', '/etcd expire-events --older-than 15m'],
  allowed: 'operator',
  breakGlass: 'offered',
  cluster: 'etcd',
  flags: {
    'older-than': {
      type: 'string',
      value: '<duration>',
      help: 'how old at least: 15m, 1h; an hour where not given, five minutes at the least',
    },
  },
  job,
  input: (words, cluster) => ({
    ...noWords(words),
    cluster,
    olderThanMs: eventAgeMs(words.flag('older-than') ?? '1h'),
  }),
});
