import { oomWatchOn as job } from '../../jobs/oom/watch-on.ts';
import { command } from '../../src/command.ts';
import { choiceFlags, choiceInput } from '../../src/watch/choice-words.ts';

/** `/oom watch on`. */
export const oomWatchOn = command({
  name: 'oom watch on',
  summary: 'This channel is told when a pod dies, in a cluster or one namespace of it',
  takes: '',
  explains:
    'The channel where it is typed; I have to be in it. A channel that chose a namespace comes before the rules of quorum.yaml.',
  examples: ['/oom watch on', '/oom watch on -n shop'],
  allowed: 'operator',
  cluster: 'kubernetes',
  flags: choiceFlags,
  job,
  input: choiceInput,
});
