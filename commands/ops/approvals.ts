import { opsApprovals as job } from '../../jobs/ops/approvals.ts';
import { command } from '../../src/command.ts';

/** `/ops approvals`. */
export const opsApprovals = command({
  name: 'ops approvals',
  summary: 'Changes that wait for a yes',
  takes: '',

  examples: ['/ops approvals'],
  allowed: 'viewer',
  cluster: 'none',
  flags: {},
  job,
  input: () => ({}),
});
