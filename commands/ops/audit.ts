import { opsAudit as job } from '../../jobs/ops/audit.ts';
import { command } from '../../src/command.ts';
import { sinceMs } from '../../src/since.ts';

/** `/ops audit`. */
export const opsAudit = command({
  name: 'ops audit',
  summary: 'What was asked, decided and done',
  takes: '',

  examples: ['/ops audit --since 7d --cluster prod'],
  allowed: 'operator',
  cluster: 'none',
  flags: {
    since: { type: 'string', value: '<duration>', help: 'How far back: 30m, 24h, 7d; a day where not given' },
    user: { type: 'string', value: '<@person>', help: 'By whom' },
    cluster: { type: 'string', value: '<name>', help: 'About which cluster' },
  },
  job,
  input: (words) => {
    return {
      sinceMs: sinceMs(words.flag('since') ?? '24h'),
      user: words.flag('user')?.replace(/^@/, '') ?? null,
      cluster: words.flag('cluster') ?? null,
    };
  },
});
