import { opsAudit as job } from '../../jobs/ops/audit.ts';
import { command } from '../../src/command.ts';
import { duration } from '../../src/config.ts';
import { Refusal } from '../../src/refusal.ts';

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
    const since = words.flag('since') ?? '24h';
    const parsed = duration.safeParse(since);
    if (!parsed.success || parsed.data <= 0)
      throw new Refusal(`--since "${since}" is not a length of time.`, 'Write it as 30m, 24h or 7d.');
    return {
      sinceMs: parsed.data,
      user: words.flag('user')?.replace(/^@/, '') ?? null,
      cluster: words.flag('cluster') ?? null,
    };
  },
});
