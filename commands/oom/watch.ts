import { oomWatch as job } from '../../jobs/oom/watch.ts';
import { command } from '../../src/command.ts';
import { redact } from '../../src/redact.ts';
import { Refusal } from '../../src/refusal.ts';

/** `/oom watch`: who hears of what. */
export const oomWatch = command({
  name: 'oom watch',
  summary: 'Who is told when a pod dies, and whether anybody watches',
  takes: '',
  explains:
    'The rules stand in quorum.yaml under `watch:`; `/oom watch on` and `/oom watch off` change them for a channel.',
  examples: ['/oom watch'],
  allowed: 'viewer',
  cluster: 'none',
  flags: {},
  job,
  input({ positionals }) {
    const [first] = positionals;
    if (first !== undefined)
      throw new Refusal(
        `“${redact(first).slice(0, 60)}” is not expected here.`,
        '`/oom watch on` and `/oom watch off` change what this channel hears of.',
      );
    return {};
  },
});
