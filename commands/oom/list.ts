import { oomList as job } from '../../jobs/oom/list.ts';
import { command } from '../../src/command.ts';
import { killsKeptMs } from '../../src/kubernetes/kill.ts';
import { demandNamespaceName } from '../../src/kubernetes/pod-reference.ts';
import { redact } from '../../src/redact.ts';
import { Refusal } from '../../src/refusal.ts';
import { formatDuration } from '../../src/report/text.ts';
import { sinceMs } from '../../src/since.ts';

/** `/oom list`: who was OOM-killed. */
export const oomList = command({
  name: 'oom list',
  summary: 'Who was OOM-killed, how often, growing or not; a leak told from a start-up peak',
  takes: '',
  explains:
    'From what the pods show now and what earlier questions saw, which is kept for 14 days. Without -n it looks through at most 4,000 pods.',
  examples: ['/oom list', '/oom list -n shop --since 7d'],
  allowed: 'viewer',
  cluster: 'kubernetes',
  flags: {
    namespace: { type: 'string', short: 'n', value: '<namespace>', help: 'only this namespace' },
    since: { type: 'string', value: '<duration>', help: 'how far back: 30m, 24h, 7d; a day where not given' },
  },
  job,
  input(words, cluster) {
    const [first = words.rest[0]] = words.positionals;
    if (first !== undefined)
      throw new Refusal(
        `“${redact(first).slice(0, 60)}” is not expected here.`,
        'The namespace stands behind -n; /oom why takes the name of a pod.',
      );
    const namespace = words.flag('namespace');
    if (namespace !== undefined) demandNamespaceName(namespace);
    const since = sinceMs(words.flag('since') ?? '24h');
    if (since > killsKeptMs)
      throw new Refusal(
        `--since ${words.flag('since')} is longer than kills are kept.`,
        `Ask for at most ${formatDuration(killsKeptMs)}.`,
      );
    return { cluster, namespace: namespace ?? null, sinceMs: since };
  },
});
