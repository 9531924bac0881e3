import { flagText } from '../jvm/flags.ts';
import { redactEnvironment, redactWords } from '../redact.ts';
import { type Report, type Section, verdictOf, worstFirst } from '../report/report.ts';
import { count, formatBytes, formatDuration, listed, shortened } from '../report/text.ts';
import { ago } from './age.ts';
import { causeAdvice } from './cause-advice.ts';
import { fixLine } from './fix-line.ts';
import { askOffer, fixOffer, rollbackOffer, workloadOf } from './fix-offer.ts';
import { canBeSet, type FlagsToSet, flagsToSet, kubectl } from './heap-flags.ts';
import { isRoomTooSmall, largestHeapBytes } from './heap-room.ts';
import { jdkName } from './java-analysis.ts';
import { usageBytes } from './memory-limit.ts';
import { peakText } from './memory-peak.ts';
import { timeMs } from './objects.ts';
import { signalOf, whyData } from './why-data.ts';
import { type Answer, areFlagsUnseen, mayOutgrowLimit, whyFindings } from './why-findings.ts';

type Asked = {
  /** As typed. */
  readonly command: string;
  readonly cluster: string;
  readonly address: string;
  /** Why this pod, where the name left a choice. */
  readonly chosenBecause: string | undefined;
};

const summaryLength = 120;
const hourMs = 3_600_000;

/** The report on one pod. */
export function whyReport(answer: Answer, asked: Asked): Report {
  const { evidence, explanation } = answer;
  const { pod, container } = evidence;
  const name = `${pod.metadata.namespace ?? 'default'}/${pod.metadata.name ?? ''}`;
  const findings = worstFirst(whyFindings(answer));
  const recommendation = answer.analysis?.recommendation;
  const flags =
    recommendation === undefined || recommendation.flags.length === 0 || recommendation.verdict === 'C'
      ? undefined
      : flagsToSet({
          java: answer.java,
          jdk: answer.analysis?.jdk,
          recommendation,
          container: container.name,
          namespace: pod.metadata.namespace ?? 'default',
          workload: workloadOf(answer),
          context: answer.context,
        });
  const isUnseen = areFlagsUnseen(answer);
  const data = { ...whyData(answer), fix: fixOffer(answer), ask: askOffer(answer), rollback: rollbackOffer(answer) };
  const line = fixLine({ data });
  return {
    command: asked.command,
    verdict: verdictOf(findings),
    title: `oom ${shortened(name, 100)}`,
    summary: summary(answer, name),
    asOf: answer.now.toISOString(),
    findings,
    sections: [
      ...sections(answer, asked, flags),
      ...(line === undefined
        ? []
        : [{ kind: 'text', text: `Quorum can set this, after a second person’s yes: \`/${line}\`` } as const]),
    ],
    copy: (isUnseen ? undefined : flags?.command) ?? lookCommand(answer),
    cause: explanation.cause,
    data,
  };
}

/** The verdict within 120 characters; a long pod name gives way, in its middle, so that both ends can be told apart. */
function summary(answer: Answer, name: string): string {
  const whole = headline(answer, timesText(answer));
  // Without the times where they would cut off what to do.
  const text = [...whole].length + 26 > summaryLength ? headline(answer, '') : whole;
  const room = Math.max(24, summaryLength - [...text].length - 2);
  const characters = [...name];
  const half = Math.floor((room - 1) / 2);
  const shown =
    characters.length <= room ? name : `${characters.slice(0, half).join('')}…${characters.slice(-half).join('')}`;
  return shortened(`${shown}: ${text}`, summaryLength);
}

function headline(answer: Answer, times: string): string {
  const { explanation, evidence, analysis, limit, java } = answer;
  const isUnseen = areFlagsUnseen(answer);
  const flag = analysis?.recommendation?.verdict === 'C' ? undefined : analysis?.recommendation?.flags[0];
  const needed = analysis?.recommendation?.neededLimitBytes ?? null;
  const remedy = isUnseen
    ? '; not all its flags can be seen'
    : flag !== undefined
      ? `; set ${flag}`
      : needed !== null
        ? `; raise the limit to ${formatBytes(needed)}`
        : '';
  const limitText = limit.limitBytes === undefined ? '' : formatBytes(limit.limitBytes);
  if (explanation.short !== undefined) return `${explanation.short}${times}`;
  if (explanation.cause === 'limit' || explanation.cause === 'pod-limit') {
    if (java.isJava === false) return `OOM-killed${times} at ${limitText}; not Java: raise the limit or lower its use`;
    if (java.isJava === undefined) return `OOM-killed${times} at ${limitText}; whether it is Java cannot be seen`;
    const heapBytes = largestHeapBytes(answer);
    if (explanation.cause === 'pod-limit') return `OOM-killed${times} at the pod’s ${limitText}${remedy}`;
    if (heapBytes !== undefined && mayOutgrowLimit(answer) && !isUnseen)
      return `OOM-killed${times}: heap may grow to ${formatBytes(heapBytes)} in ${limitText}${remedy}`;
    if (heapBytes !== undefined && isRoomTooSmall(answer) && !isUnseen)
      return `OOM-killed${times}: heap of ${formatBytes(heapBytes)} too large for ${limitText}${remedy}`;
    if (analysis?.recommendation?.verdict === 'C') return `OOM-killed${times} at ${limitText}, and not by its heap`;
    return `OOM-killed${times} at ${limitText}${remedy}`;
  }
  if (explanation.cause === 'heap' || explanation.cause === 'gc-overhead') {
    const heapBytes = largestHeapBytes(answer);
    const size = heapBytes === undefined || isUnseen ? '' : ` at ${formatBytes(heapBytes)}`;
    const full = explanation.cause === 'heap' ? 'Java heap space' : 'GC overhead limit exceeded';
    return wasThenKilled(answer)
      ? `${full}${size}, then killed with SIGKILL${times}${remedy}`
      : `not killed: ${full}${size}${times}${remedy}`;
  }
  if (explanation.cause === 'none') {
    const waiting = evidence.container.status?.state.waiting?.reason;
    if (waiting !== undefined && evidence.container.ended === undefined)
      return `not OOM-killed: it has not started (${shortened(waiting, 40)})`;
    if (evidence.container.status === undefined) return 'not OOM-killed: it has not started';
    const heapBytes = largestHeapBytes(answer);
    if (mayOutgrowLimit(answer) && heapBytes !== undefined && !isUnseen)
      return `not OOM-killed so far, but the heap may grow to ${formatBytes(heapBytes)} in ${limitText}${remedy}`;
    return `not OOM-killed${times}${java.isJava === false ? ', and not Java' : ''}`;
  }
  const { short } = causeAdvice[explanation.cause];
  return `${wasThenKilled(answer) ? short.replace(', not killed', ', then killed with SIGKILL') : short}${times}`;
}

/** The JVM complained, and SIGKILL came after it. */
function wasThenKilled({ evidence, explanation }: Answer): boolean {
  return evidence.container.ended?.exitCode === 137 && !explanation.livesOn;
}

/** ` (61 d ago, 3 restarts)`: an end of long ago is told as one, for the reader may be looking for another. */
function timesText({ evidence, explanation, now }: Answer): string {
  const restarts = evidence.container.status?.restartCount ?? 0;
  const endedMs = timeMs(evidence.container.ended?.finishedAt);
  const isPast = endedMs !== undefined && explanation.cause !== 'none' && !explanation.livesOn;
  const passedMs = isPast ? now.getTime() - endedMs : 0;
  const parts = [
    ...(passedMs < hourMs ? [] : [`${formatDuration(passedMs).split(' ').slice(0, 2).join(' ')} ago`]),
    ...(restarts > 0 ? [count(restarts, 'restart')] : []),
  ];
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

function lookCommand(answer: Answer): string {
  const { evidence, explanation, analysis, context, java } = answer;
  const { pod, container } = evidence;
  const needed = analysis?.recommendation?.neededLimitBytes ?? null;
  const workload = workloadOf(answer);
  const place = [pod.metadata.name ?? '', '-n', pod.metadata.namespace ?? 'default'];
  if (analysis?.recommendation !== undefined && areFlagsUnseen(answer)) {
    if (java.isVariableUnseen)
      return `${kubectl(context, ['logs', ...place, '-c', container.name])} | grep -m3 'Picked up'`;
    if (container.status?.state.running !== undefined)
      return kubectl(context, ['exec', ...place, '-c', container.name, '--', 'cat', '/proc/1/cmdline']);
  } else if (
    needed !== null &&
    canBeSet(workload) &&
    workload !== undefined &&
    analysis?.recommendation?.flags.length === 0
  ) {
    const memory = `memory=${needed / 1024 ** 2}Mi`;
    const where = [workload, '-n', pod.metadata.namespace ?? 'default', '-c', container.name];
    return kubectl(context, ['set', 'resources', ...where, `--limits=${memory}`, `--requests=${memory}`]);
  }
  const isLogWorthy =
    container.ended !== undefined &&
    !['evicted', 'node-oom', 'probe-kill', 'sigterm', 'sigkill-unknown'].includes(explanation.cause);
  if (!isLogWorthy) return kubectl(context, ['describe', 'pod', ...place]);
  const previous = container.status?.state.terminated === undefined ? ['--previous'] : [];
  return kubectl(context, ['logs', ...place, '-c', container.name, ...previous, '--tail=100']);
}

/** What to set comes first; what it was concluded from stands apart, for whoever wants to check it. */
function sections(answer: Answer, asked: Asked, flags: FlagsToSet | undefined): Section[] {
  const { analysis, java } = answer;
  const made: Section[] = [
    ...(flags === undefined ? [] : [{ kind: 'code', title: unsetTitle(answer, flags), text: flags.text } as const]),
    { kind: 'table', more: true, title: 'What is known', columns: ['What', 'Value'], rows: facts(answer, asked) },
  ];
  const heap = analysis?.heap;
  if (heap !== undefined && heap.arithmetic.length > 0)
    made.push({
      kind: 'table',
      more: true,
      title: `The heap that JDK ${heap.jdk} takes ${areFlagsUnseen(answer) ? 'with the flags that can be seen' : heap.flags.length === 0 ? 'by itself' : 'with its flags'}`,
      columns: ['What', 'Bytes', 'Size', 'Why'],
      rows: heap.arithmetic.map(({ name, bytes, why }) => [name, String(bytes), formatBytes(bytes), why]),
    });
  const recommendation = analysis?.recommendation;
  if (recommendation !== undefined)
    made.push({
      kind: 'table',
      more: true,
      title: 'How the flags were reckoned',
      columns: ['What', 'Size', 'Why'],
      rows: recommendation.arithmetic.map(({ name, bytes, why }) => [name, formatBytes(bytes), why]),
    });
  const notes = [
    ...(recommendation === undefined ? [] : [recommendation.meaning]),
    ...(flags?.notes ?? []),
    ...(recommendation?.notes ?? []),
    ...(analysis?.recommendationMissing === undefined
      ? []
      : [`${analysis.recommendationMissing.message} ${analysis.recommendationMissing.advice}`]),
    ...(analysis?.notes ?? []),
    ...(analysis?.otherwise ?? []),
    ...(java.isJava === false ? [] : [...java.unknown, ...java.notes]),
    ...(answer.limit.note === undefined ? [] : [`The limit: ${answer.limit.note}.`]),
    ...(answer.evidence.metrics === undefined
      ? []
      : ['The memory in use is a sample of the present container: it never holds the peak at a death.']),
  ];
  if (notes.length > 0)
    made.push({
      kind: 'text',
      more: true,
      title: 'Notes',
      text: [...new Set(notes)].map((note) => `• ${note}`).join('\n'),
    });
  return made;
}

/** Where flags cannot be seen, those that fit are shown for what they are. */
function unsetTitle(answer: Answer, { title }: FlagsToSet): string {
  return areFlagsUnseen(answer) ? title.replace(/^Flags to (?:set|change)/, 'Flags that would fit') : title;
}

function facts(answer: Answer, { chosenBecause, cluster, address }: Asked): string[][] {
  const { evidence, limit, nodeBytes, java, analysis, nextRestart, now } = answer;
  const { container, pod, node, replicas, metrics } = evidence;
  const { ended, status } = container;
  const inUse = usageBytes(metrics, container.name);
  const rows: (readonly [string, string | undefined])[] = [
    ['Container', `${container.name}${container.role === 'app' ? '' : ` (${container.role})`}`],
    ['Chosen', chosenBecause],
    ['Image', container.spec?.image ?? status?.image],
    ['State', stateText(answer, now)],
    [
      'Last end',
      ended === undefined
        ? undefined
        : `${ended.reason ?? 'no reason given'}, exit code ${ended.exitCode ?? '?'}${signalText(ended.exitCode, ended.signal)}`,
    ],
    ['Ran', ranText(ended?.startedAt, ended?.finishedAt, now)],
    ['Restarts', status === undefined ? undefined : String(status.restartCount ?? 0)],
    [
      'Next restart',
      nextRestart === undefined
        ? undefined
        : nextRestart.inMs === 0
          ? 'due'
          : `in ${formatDuration(nextRestart.inMs)} (inferred)`,
    ],
    [
      'Replicas',
      replicas === undefined
        ? undefined
        : `${replicas.workload}: ${replicas.ready} of ${replicas.wanted} ready${replicas.revision === undefined ? '' : `, revision ${replicas.revision}`}`,
    ],
    [
      'Limit',
      limit.limitBytes === undefined
        ? 'none'
        : `${limit.written ?? ''} (${formatBytes(limit.limitBytes)}${limit.scope === 'pod' ? ', of the whole pod' : ''})`,
    ],
    ['Request', limit.requestBytes === undefined ? 'none' : formatBytes(limit.requestBytes)],
    ['In use now', inUse === undefined ? undefined : `${formatBytes(inUse)} (working set)`],
    ['Peak seen', evidence.memory === undefined ? undefined : peakText(evidence.memory)],
    ['Node', nodeText(answer)],
    [
      'Node memory',
      nodeBytes === undefined ? 'unknown' : `${formatBytes(nodeBytes)} (${node?.status.capacity.memory ?? ''})`,
    ],
    ['QoS class', pod.status.qosClass],
    ['Asked', `${cluster}, ${address}`],
    ['Java', java.isJava === undefined ? 'unknown' : `${java.isJava ? 'yes' : 'no'}: ${java.why}`],
    [
      'JDK',
      analysis === undefined
        ? undefined
        : analysis.jdk === undefined
          ? 'unknown'
          : `${jdkName(analysis.jdk)} (${analysis.jdkGrade}; ${analysis.jdkFrom})`,
    ],
    ['JVM flags', java.isJava === true ? flagsText(answer) : undefined],
  ];
  return rows.flatMap(([what, value]) =>
    value === undefined || value === '' ? [] : [[what, shortened(value, 300)] as string[]],
  );
}

function stateText({ evidence, explanation }: Answer, now: Date): string | undefined {
  const state = evidence.container.status?.state;
  if (state?.running !== undefined) {
    const since = timeMs(state.running.startedAt);
    return `running${since === undefined ? '' : ` for ${formatDuration(now.getTime() - since)}`}${explanation.livesOn ? ', with errors' : ''}`;
  }
  if (state?.waiting !== undefined) return `waiting: ${state.waiting.reason ?? 'no reason given'}`;
  if (state?.terminated !== undefined) return 'ended';
  return `no status (pod ${evidence.pod.status.phase ?? 'without a phase'})`;
}

const signalNames: Readonly<Record<number, string>> = { 6: 'SIGABRT', 9: 'SIGKILL', 11: 'SIGSEGV', 15: 'SIGTERM' };

function signalText(exitCode: number | undefined, signal: number | undefined): string {
  const found = signalOf(exitCode, signal);
  return found === undefined ? '' : ` (${signalNames[found] ?? `signal ${found}`})`;
}

function ranText(startedAt: string | undefined, finishedAt: string | undefined, now: Date): string | undefined {
  const start = timeMs(startedAt);
  const end = timeMs(finishedAt);
  if (end === undefined) return undefined;
  return start === undefined || end < start
    ? `until ${ago(finishedAt, now)}`
    : `${formatDuration(end - start)}, until ${ago(finishedAt, now)}`;
}

function nodeText({ evidence, analysis }: Answer): string | undefined {
  const { nodeName } = evidence.pod.spec;
  if (nodeName === undefined) return 'none yet';
  const info = evidence.node?.status.nodeInfo;
  const cpus = evidence.node?.status.capacity.cpu;
  const cgroup = analysis?.cgroup;
  return [
    nodeName,
    info?.osImage,
    info?.kernelVersion === undefined ? undefined : `kernel ${info.kernelVersion}`,
    cgroup === undefined
      ? undefined
      : cgroup.version === undefined
        ? 'cgroup unknown'
        : `cgroup ${cgroup.version} (inferred)`,
    cpus === undefined ? undefined : `${cpus} CPUs`,
  ]
    .filter((part) => part !== undefined && part !== '')
    .join(', ');
}

function flagsText({ java, analysis }: Answer): string {
  const effective = analysis?.heap?.flags ?? [];
  if (effective.length > 0)
    return listed(effective.map((flag) => `${redactWords([flagText(flag)]).join('')} (${flag.source})`));
  const seen = [
    ...(java.args.length > 0 ? [`${redactWords(java.args).join(' ')} (command line)`] : []),
    ...Object.entries(java.env).map(([name, value]) => `${name}=${redactEnvironment(name, value)}`),
  ];
  return seen.length === 0 ? 'none seen' : seen.join(', ');
}
