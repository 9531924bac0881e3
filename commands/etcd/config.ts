import { etcdConfig as job } from '../../jobs/etcd/config.ts';
import { command } from '../../src/command.ts';
import { noWords } from '../../src/etcd/command-words.ts';
import { readPasted } from '../../src/etcd/settings/paste.ts';

/** `/etcd config`: what is known of each member's settings, against advice. */
export const etcdConfig = command({
  name: 'etcd config',
  summary: 'What the members are set to, against advice: timers, quota, compaction, start-up traps',
  takes: '',
  explains:
    'Settings are read from static pods where the cluster has them. Others are pasted: an environment file, a systemd unit, etcd.conf.yaml, a pod’s manifest or a command line of one member. Only the settings in it are kept, never the text. An etcd for events alone is advised where counts by prefix say that events are what grows, with the flag for this cluster.',
  examples: ['/etcd config', '/etcd config --cluster prod'],
  allowed: 'viewer',
  cluster: 'etcd',
  flags: {
    paste: {
      type: 'string',
      file: 'text',
      value: '<file>',
      isNeverTyped: true,
      help: 'The settings of one member; a path in a terminal, a text in the form that --paste alone opens in Slack',
    },
  },
  form: {
    flag: 'paste',
    title: 'Settings of a member',
    fields: [
      {
        name: 'paste',
        label: 'Its environment file, unit, etcd.conf.yaml, manifest or command line',
        kind: 'multiline',
        placeholder: 'ETCD_NAME=etcd-1',
        hint: 'At most 3000 characters: the part with the settings is enough. Only the settings are kept.',
      },
    ],
    words: () => [],
  },
  job,
  input(words, cluster) {
    const pasted = words.flag('paste');
    return { ...noWords(words), cluster, pasted: pasted === undefined ? null : readPasted(pasted) };
  },
});
