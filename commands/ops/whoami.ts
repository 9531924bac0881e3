import { opsWhoami as job } from '../../jobs/ops/whoami.ts';
import { command } from '../../src/command.ts';

/** `/ops whoami`. */
export const opsWhoami = command({
  name: 'ops whoami',
  summary: 'Your roles here, and what gives them',
  takes: '',

  examples: ['/ops whoami'],
  allowed: 'viewer',
  cluster: 'none',
  flags: {},
  job,
  input: () => ({}),
});
