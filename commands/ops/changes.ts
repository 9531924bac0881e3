import { opsChanges as job } from '../../jobs/ops/changes.ts';
import { command } from '../../src/command.ts';

/** `/ops changes`. */
export const opsChanges = command({
  name: 'ops changes',
  summary: 'The latest changes, running and ended',
  takes: '',

  examples: ['/ops changes'],
  allowed: 'viewer',
  cluster: 'none',
  flags: {},
  job,
  input: () => ({}),
});
