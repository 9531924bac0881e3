import { oomSizeJob } from '../../jobs/oom/size.ts';
import { command } from '../../src/command.ts';
import type { Collector } from '../../src/jvm/collector.ts';
import { requireJdk } from '../../src/jvm/version.ts';
import { requireSize } from '../../src/kubernetes/size-words.ts';
import { redact } from '../../src/redact.ts';
import { Refusal } from '../../src/refusal.ts';

const collectors: ReadonlyMap<string, Collector> = new Map([
  ['serial', 'Serial'],
  ['parallel', 'Parallel'],
  ['cms', 'CMS'],
  ['g1', 'G1'],
  ['z', 'Z'],
  ['zgc', 'Z'],
  ['shenandoah', 'Shenandoah'],
]);

/** `/oom size`: the heap and the flags to set for a memory limit. */
export const oomSize = command({
  name: 'oom size',
  summary: 'The heap and the flags to set for a memory limit, without a cluster',
  takes: '',
  explains:
    'With --peak (the largest working set seen) and --heap (the largest heap set now) the answer says whether the heap is the trouble.',
  examples: ['/oom size --limit 1Gi --jdk 17', '/oom size --limit 1Gi --jdk 17 --peak 900Mi --heap 512Mi --gc g1'],
  allowed: 'viewer',
  cluster: 'none',
  flags: {
    limit: { type: 'string', value: '<quantity>', required: true, help: 'The container’s memory limit (needed)' },
    jdk: { type: 'string', value: '<version>', required: true, help: 'The JDK: 8u181, 17, 17.0.12 (needed)' },
    peak: { type: 'string', value: '<quantity>', help: 'The largest working set seen' },
    heap: { type: 'string', value: '<quantity>', help: 'The largest heap that is set now' },
    gc: {
      type: 'string',
      value: '<collector>',
      help: 'serial, parallel, cms, g1, z or shenandoah; else what the JVM takes by itself',
    },
  },
  job: oomSizeJob,
  input(words) {
    const [first] = words.positionals;
    const [late] = words.rest;
    if (first !== undefined || late !== undefined)
      throw new Refusal(
        `"${redact(first ?? late ?? '').slice(0, 60)}" is not expected here.`,
        'Everything stands behind its flag: --limit 1Gi --jdk 17.',
      );
    const limit = words.flag('limit');
    const jdk = words.flag('jdk');
    if (limit === undefined)
      throw new Refusal('--limit is missing.', 'Give the container’s memory limit: --limit 1Gi.');
    if (jdk === undefined) throw new Refusal('--jdk is missing.', 'Name the JDK: --jdk 8u181, --jdk 17.');
    requireJdk(jdk);
    const size = (name: string): number | null => {
      const text = words.flag(name);
      return text === undefined ? null : requireSize(`--${name}`, text);
    };
    return {
      jdk,
      limitBytes: requireSize('--limit', limit),
      gc: collectorOf(words.flag('gc')),
      peakBytes: size('peak'),
      heapBytes: size('heap'),
    };
  },
});

function collectorOf(text: string | undefined): Collector | null {
  if (text === undefined) return null;
  const name = text
    .trim()
    .toLowerCase()
    .replace(/^-?-?(?:xx:\+)?use/, '')
    .replace(/(?<=.)gc$/, '')
    .replace(/^concmarksweep$/, 'cms');
  const collector = collectors.get(name);
  if (collector !== undefined) return collector;
  throw new Refusal(
    `There is no collector "${redact(text).slice(0, 60)}".`,
    'Use serial, parallel, cms, g1, z or shenandoah.',
    ['serial', 'parallel', 'g1', 'z', 'shenandoah'],
  );
}
