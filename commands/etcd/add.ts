import { etcdAdd as job } from '../../jobs/etcd/add.ts';
import { command } from '../../src/command.ts';
import { certificateOf, spareAddresses } from '../../src/etcd/command-words.ts';
import { requireMemberName, requirePeerUrls } from '../../src/etcd/peer-url.ts';
import { Refusal } from '../../src/refusal.ts';
import { shortened } from '../../src/report/text.ts';

/** `/etcd add`: adds a member as a learner and promotes it once it is fit, by plan and approval. */
export const etcdAdd = command({
  name: 'etcd add',
  summary: 'Add a member: everything checked before, watched until it votes; needs an approval',
  takes: '<name> <peer-url>',
  explains:
    'It joins as a learner and is promoted once it has caught up and its peers reach it. Several peer URLs are apart by commas.',
  examples: [
    '/etcd add etcd4 https://10.0.0.4:2380',
    '/etcd add etcd4 https://10.0.0.4:2380 --spare 10.0.0.5 --spare 10.0.0.6',
  ],
  allowed: 'operator',
  cluster: 'etcd',
  flags: {
    voter: { type: 'boolean', help: 'Add it as a voter at once: it counts for the quorum before it votes' },
    spare: {
      type: 'string',
      value: '<address>',
      multiple: true,
      help: 'An address of a later node, for the certificate that is offered',
    },
    cert: {
      type: 'string',
      file: 'text',
      value: '<file>',
      help: 'The new node’s peer certificate (PEM, without the key); a path in a terminal, a file in the form',
    },
  },
  form: {
    title: 'Add an etcd member',
    fields: [
      { name: 'name', label: 'Name of the new member', kind: 'text', placeholder: 'etcd4' },
      {
        name: 'peers',
        label: 'Its peer URL',
        kind: 'text',
        placeholder: 'https://10.0.0.4:2380',
        hint: 'Several are apart by commas.',
      },
      {
        name: 'spare',
        label: 'Addresses of later nodes',
        kind: 'text',
        isOptional: true,
        placeholder: '10.0.0.5, 10.0.0.6',
        hint: 'For the certificate that is offered where today’s does not name the new node.',
      },
      { name: 'cert', label: 'Its peer certificate', kind: 'file', isOptional: true, hint: 'PEM, without the key.' },
      { name: 'reason', label: 'Why', kind: 'text', isOptional: true },
    ],
    words: ({ name = '', peers = '', spare, reason }) => [
      ...(spare === undefined ? [] : ['--spare', spare]),
      ...(reason === undefined ? [] : ['--reason', reason]),
      '--',
      name,
      peers.replace(/\s+/g, ''),
    ],
  },
  job,
  input(words, cluster, { startTimeout }) {
    const [name, peerUrl, third] = [...words.positionals, ...words.rest];
    if (name === undefined || peerUrl === undefined)
      throw new Refusal(
        name === undefined
          ? 'The new member’s name and peer URL are missing.'
          : 'The new member’s peer URL is missing.',
        'Name both: `/etcd add etcd4 https://10.0.0.4:2380`.',
      );
    if (third !== undefined)
      throw new Refusal(
        `"${shortened(third, 60)}" is one word too many.`,
        'Put several peer URLs into one word, apart by commas.',
      );
    return {
      cluster,
      name: requireMemberName(name),
      peerUrls: requirePeerUrls(peerUrl),
      as: words.isSet('voter') ? ('voter' as const) : ('learner-then-promote' as const),
      spare: spareAddresses(words.flags('spare')),
      certificate: certificateOf(words.flag('cert')),
      startTimeoutMs: startTimeout,
    };
  },
});
