import { opsCancel as job } from '../../jobs/ops/cancel.ts';
import { command } from '../../src/command.ts';
import { Refusal } from '../../src/refusal.ts';

/** `/ops cancel`. */
export const opsCancel = command({
  name: 'ops cancel',
  summary: 'Ends a change that has not begun, or stops one between two steps',
  takes: '<id>',
  explains:
    'For whoever asked, for operators and for approvers. A change that runs stops after the call that is under way, and its thread says what stands.',
  examples: ['/ops cancel c-1f2e3d4c'],
  allowed: 'viewer',
  cluster: 'none',
  flags: {},
  job,
  input: ({ positionals }) => {
    const [id] = positionals;
    if (id === undefined || positionals.length > 1)
      throw new Refusal('Name the one change to cancel.', '`/ops changes` lists them.');
    return { id };
  },
});
