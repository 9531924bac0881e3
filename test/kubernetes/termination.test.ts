import { describe, expect, test } from '@jest/globals';
import { at, explain, type Given } from '../support/termination.ts';

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
    ['the node, under pressure', { ended: oomKilled, pressureSince: '' }, 'node-oom', 'inferred'],
    [
      'the node, under pressure since before',
      { ended: oomKilled, pressureSince: '2026-11-03T09:40:00Z' },
      'node-oom',
      'inferred',
    ],
    [
      'its limit, though the node came under pressure later',
      { ended: oomKilled, pressureSince: '2026-11-03T10:01:30Z' },
      'limit',
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
    [
      'nobody knows whom, for the probe was a sidecar’s, as its field says',
      {
        ended: killed,
        events: [
          {
            reason: 'Unhealthy',
            message: 'Liveness probe failed: HTTP probe failed with statuscode: 503',
            lastTimestamp: at,
            involvedObject: { fieldPath: 'spec.containers{proxy}' },
          },
        ],
      },
      'sigkill-unknown',
      'unknown',
    ],
    [
      'nobody knows whom, for the probe failed 50 minutes before',
      {
        ended: killed,
        events: [{ reason: 'Unhealthy', message: 'Liveness probe failed: x', lastTimestamp: '2026-11-03T09:10:00Z' }],
      },
      'sigkill-unknown',
      'unknown',
    ],
    [
      'a request to stop, though a probe had failed 50 minutes before',
      {
        ended: { reason: 'Error', exitCode: 143 },
        events: [{ ...liveness, lastTimestamp: '2026-11-03T09:10:00Z' }],
      },
      'sigterm',
      'fact',
    ],
    [
      'a failed probe, as long before as the pod is given to stop',
      {
        ended: killed,
        pod: { spec: { terminationGracePeriodSeconds: 300 } },
        events: [{ ...liveness, lastTimestamp: '2026-11-03T09:55:00Z' }],
      },
      'probe-kill',
      'fact',
    ],
    [
      'preemption, but an hour before',
      { ended: killed, events: [{ reason: 'Preempted', message: 'x', lastTimestamp: '2026-11-03T09:00:00Z' }] },
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
    [
      'an error after a heap that was full for a while, and caught',
      {
        ended: { reason: 'Error', exitCode: 1 },
        log: `WARN caught java.lang.OutOfMemoryError: Java heap space, retrying\n${'INFO ok\n'.repeat(50)}ERROR no database`,
      },
      'error-exit',
      'fact',
    ],
    [
      'an error, though its log names the class of another',
      {
        ended: { reason: 'Error', exitCode: 1 },
        log: 'INFO registered handler for java.lang.OutOfMemoryError\nCaused by: java.net.ConnectException: refused',
      },
      'error-exit',
      'fact',
    ],
    ['nobody knows, for its node does not report', { state: running, ready: 'Unknown' }, 'unknown', 'unknown'],
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
