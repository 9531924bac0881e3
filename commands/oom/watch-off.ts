import { oomWatchOff as job } from '../../jobs/oom/watch-off.ts';
import { command } from '../../src/command.ts';
import { choiceFlags, choiceInput } from '../../src/watch/choice-words.ts';

/** `/oom watch off`. */
export const oomWatchOff = command({
  name: 'oom watch off',
  summary: 'This channel is not told any more when a pod dies there',
  takes: '',
  explains: 'Who is next in line is told instead, if anybody.',
  examples: ['/oom watch off', '/oom watch off -n shop'],
  allowed: 'operator',
  cluster: 'kubernetes',
  flags: choiceFlags,
  job,
  input: choiceInput,
});
