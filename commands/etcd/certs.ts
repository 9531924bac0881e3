import { etcdCerts as job } from '../../jobs/etcd/certs.ts';
import { command } from '../../src/command.ts';
import { noWords, oneAddress } from '../../src/etcd/command-words.ts';

/** `/etcd certs`: every certificate on the way, how long for yet, and what breaks when. */
export const etcdCerts = command({
  name: 'etcd certs',
  summary: 'Every certificate on the way: how long for yet, whom it names, what breaks when',
  takes: '',
  explains:
    'The client and peer listeners of each member, the bot’s own, the CAs, and the API servers of the Kubernetes cluster of the same name.',
  examples: ['/etcd certs', '/etcd certs --host 10.0.0.9'],
  allowed: 'viewer',
  cluster: 'etcd',
  flags: {
    host: {
      type: 'string',
      value: '<address>',
      help: 'Would a node at this address be accepted, by each certificate?',
    },
    kubernetes: {
      type: 'string',
      value: '<cluster>',
      help: 'Only this one’s API servers; else those of all configured ones, and with --host of the one of the same name',
    },
  },
  job,
  input: (words, cluster) => ({
    ...noWords(words),
    cluster,
    host: oneAddress('--host', words.flag('host')),
    kubernetes: words.flag('kubernetes') ?? null,
  }),
});
