import { describe, expect, test } from '@jest/globals';
import { chooseContainer } from '../../src/kubernetes/containers.ts';
import { memoryLimit } from '../../src/kubernetes/memory-limit.ts';
import { eventSchema, nodeSchema, podSchema } from '../../src/kubernetes/objects.ts';
import { explainTermination } from '../../src/kubernetes/termination.ts';

type Given = {
  readonly ended?: Record<string, unknown>;
  /** What it is now; by default it waits for its next start. */
  readonly state?: Record<string, unknown>;
  readonly limit?: string | null;
  readonly pod?: Record<string, unknown>;
  readonly podLimit?: string;
  readonly events?: readonly Record<string, unknown>[];
  readonly nodeEvents?: readonly Record<string, unknown>[];
  readonly pressure?: boolean;
  readonly log?: string;
  readonly isJava?: boolean;
};

const at = '2026-11-03T10:00:00Z';

function explain(given: Given) {
  const ended = given.ended === undefined ? undefined : { finishedAt: at, ...given.ended };
  const pod = podSchema.parse({
    metadata: { name: 'checkout-1', namespace: 'shop', ...((given.pod?.metadata as object) ?? {}) },
    spec: {
      containers: [
        { name: 'app', resources: given.limit === null ? {} : { limits: { memory: given.limit ?? '512Mi' } } },
      ],
      ...(given.podLimit === undefined ? {} : { resources: { limits: { memory: given.podLimit } } }),
    },
    status: {
      phase: 'Running',
      containerStatuses: [
        {
          name: 'app',
          restartCount: 3,
          state: given.state ?? { waiting: { reason: 'CrashLoopBackOff' } },
          ...(ended === undefined ? {} : { lastState: { terminated: ended } }),
        },
      ],
      ...((given.pod?.status as object) ?? {}),
    },
  });
  const container = chooseContainer(pod, undefined, () => true);
  if (container === undefined) throw new Error('no container');
  return explainTermination({
    pod,
    container,
    limit: memoryLimit(pod, container.spec, container.status),
    events: given.events?.map((event) => eventSchema.parse(event)),
    nodeEvents: given.nodeEvents?.map((event) => eventSchema.parse(event)),
    node: nodeSchema.parse({
      status: { conditions: [{ type: 'MemoryPressure', status: given.pressure ? 'True' : 'False' }] },
    }),
    log: given.log,
    isJava: given.isJava ?? true,
    now: new Date('2026-11-03T10:02:00Z'),
  });
}

const oomKilled = { reason: 'OOMKilled', exitCode: 137 };
const killed = { reason: 'Error', exitCode: 137 };
const systemOom = (lastTimestamp: string) => ({
  reason: 'SystemOOM',
  message: 'System OOM encountered, victim process: java, pid: 4242',
  lastTimestamp,
});
const liveness = {
  reason: 'Killing',
  message: 'Container app failed liveness probe, will be restarted',
  lastTimestamp: at,
};
const heapSpace = 'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space\n\tat A.main(A.java:1)';
const running = { running: { startedAt: at } };

describe('why a container ended', () => {
  const cases: readonly (readonly [string, Given, string, string])[] = [
    ['its limit', { ended: oomKilled }, 'limit', 'fact'],
    ['its limit, though it runs again', { ended: oomKilled, state: running }, 'limit', 'fact'],
    ['its limit, though the log also complains', { ended: oomKilled, log: heapSpace }, 'limit', 'fact'],
    ['the pod’s limit', { ended: oomKilled, limit: null, podLimit: '1Gi' }, 'pod-limit', 'fact'],
    ['a child of its first process', { ended: { reason: 'OOMKilled', exitCode: 1 } }, 'child-process', 'inferred'],
    ['the node, for it has no limit', { ended: oomKilled, limit: null }, 'node-oom', 'inferred'],
    [
      'the node, which says so',
      { ended: oomKilled, nodeEvents: [systemOom('2026-11-03T10:00:40Z')] },
      'node-oom',
      'fact',
    ],
    [
      'its limit, when the node’s trouble was an hour ago',
      { ended: oomKilled, nodeEvents: [systemOom('2026-11-03T09:00:00Z')] },
      'limit',
      'fact',
    ],
    ['the node, under pressure', { ended: oomKilled, pressure: true }, 'node-oom', 'inferred'],
    [
      'an eviction',
      {
        limit: null,
        state: {},
        pod: { status: { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' } },
      },
      'evicted',
      'fact',
    ],
    ['a failed probe', { ended: killed, events: [liveness] }, 'probe-kill', 'fact'],
    [
      'a failed probe that was obeyed',
      { ended: { reason: 'Error', exitCode: 143 }, events: [liveness] },
      'probe-kill',
      'fact',
    ],
    [
      'an unhealthy probe',
      { ended: killed, events: [{ reason: 'Unhealthy', message: 'Liveness probe failed: timeout' }] },
      'probe-kill',
      'inferred',
    ],
    [
      'nobody knows whom, for the probe was another container’s',
      { ended: killed, events: [{ ...liveness, message: 'Container web failed liveness probe, will be restarted' }] },
      'sigkill-unknown',
      'unknown',
    ],
    ['nobody knows whom', { ended: killed, events: [] }, 'sigkill-unknown', 'unknown'],
    [
      'the deletion of its pod',
      { ended: killed, events: [], pod: { metadata: { deletionTimestamp: at } } },
      'sigkill-unknown',
      'inferred',
    ],
    [
      'preemption',
      { ended: killed, events: [{ reason: 'Preempted', message: 'by shop/x' }] },
      'sigkill-unknown',
      'inferred',
    ],
    [
      'a pod that had to give way',
      {
        ended: killed,
        events: [],
        pod: {
          status: { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }] },
        },
      },
      'sigkill-unknown',
      'inferred',
    ],
    [
      'a child of its first process, and lives on',
      {
        state: running,
        events: [{ reason: 'OOMKilling', message: 'Memory cgroup out of memory: Killed process 77 (ffmpeg)' }],
      },
      'child-process',
      'inferred',
    ],
    [
      'a full heap in a thread, after it was once asked to stop',
      { ended: { reason: 'Error', exitCode: 143 }, state: running, log: heapSpace },
      'heap',
      'fact',
    ],
    ['a full heap before the kill', { ended: killed, events: [liveness], log: heapSpace }, 'heap', 'inferred'],
    ['a request to stop', { ended: { reason: 'Error', exitCode: 143 } }, 'sigterm', 'fact'],
    ['a full heap', { ended: { reason: 'Error', exitCode: 1 }, log: heapSpace }, 'heap', 'fact'],
    [
      'a full heap and ExitOnOutOfMemoryError',
      {
        ended: { reason: 'Error', exitCode: 3 },
        log: 'Terminating due to java.lang.OutOfMemoryError: Java heap space',
      },
      'heap',
      'fact',
    ],
    [
      'a full heap in the termination message',
      { ended: { reason: 'Error', exitCode: 3, message: 'Terminating due to java.lang.OutOfMemoryError: Metaspace' } },
      'metaspace',
      'fact',
    ],
    [
      'a full heap and CrashOnOutOfMemoryError',
      { ended: { reason: 'Error', exitCode: 134 }, log: '#  fatal error: OutOfMemory encountered: Java heap space' },
      'heap',
      'fact',
    ],
    [
      'too many threads',
      {
        ended: { reason: 'Error', exitCode: 1 },
        log: 'java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory',
      },
      'native-threads',
      'inferred',
    ],
    [
      'a crash',
      {
        ended: { reason: 'Error', exitCode: 134 },
        log: '# A fatal error has been detected by the Java Runtime Environment:',
      },
      'native-crash',
      'fact',
    ],
    ['a crash without a log', { ended: { reason: 'Error', exitCode: 139 } }, 'native-crash', 'inferred'],
    [
      'flags',
      {
        ended: { reason: 'Error', exitCode: 1 },
        log: "Unrecognized VM option 'UseFoo'\nError: Could not create the Java Virtual Machine.",
      },
      'bad-flags',
      'fact',
    ],
    [
      'an error of its own',
      { ended: { reason: 'Error', exitCode: 1 }, log: 'cannot connect to db' },
      'error-exit',
      'fact',
    ],
    ['an error of its own, with no log', { ended: { reason: 'Error', exitCode: 2 } }, 'error-exit', 'fact'],
    [
      'no start at all',
      { ended: { reason: 'StartError', exitCode: 128, message: 'exec: "jva": not found' } },
      'error-exit',
      'fact',
    ],
    ['the end of its work', { state: { terminated: { reason: 'Completed', exitCode: 0 } } }, 'completed', 'fact'],
    ['nothing: it runs', { state: running, log: 'started' }, 'none', 'fact'],
    ['nothing that could be read: it runs', { state: running }, 'none', 'inferred'],
    [
      'nothing: it waits for its image',
      { state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } } },
      'none',
      'fact',
    ],
    [
      'nothing: no node takes it',
      {
        state: {},
        pod: {
          status: {
            phase: 'Pending',
            conditions: [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes are available' }],
          },
        },
      },
      'none',
      'fact',
    ],
    ['nobody knows', { state: {} }, 'unknown', 'unknown'],
    ['a full heap in a thread, and lives on', { state: running, log: heapSpace }, 'heap', 'fact'],
    [
      'nothing Java, whatever its log quotes',
      { ended: { reason: 'Error', exitCode: 1 }, log: heapSpace, isJava: false },
      'error-exit',
      'fact',
    ],
  ];
  test.each(cases)('%s', (_why, given, cause, grade) => {
    expect(explain(given)).toMatchObject({ cause, grade });
  });

  test('is told with what was seen, its secrets masked', () => {
    const { evidence } = explain({
      ended: { reason: 'Error', exitCode: 1 },
      log: 'login with password=hunter2 failed',
    });
    expect(evidence).toBe('reason Error, exit code 1; last line of the log: login with password=*** failed');
  });

  test('tells a thread that failed from a container that ended', () => {
    const { claim, livesOn } = explain({ state: running, log: heapSpace });
    expect(claim).toBe('The JVM’s heap was full (Java heap space). The container lives on: only a thread failed.');
    expect(livesOn).toBe(true);
  });
});
