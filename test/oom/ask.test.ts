import { afterEach, describe, expect, test } from '@jest/globals';
import { oomAsk } from '../../jobs/oom/ask.ts';
import type { StepContext } from '../../src/job.ts';
import type { JsonObject } from '../../src/report/report.ts';
import { type AskRoom, askPod, openAskRoom } from '../support/ask-room.ts';
import { checkIn } from '../support/fix-room.ts';
import { asked as recorded } from '../support/jvm-container.ts';
import { refusalOf } from '../support/why.ts';

let room: AskRoom | undefined;
afterEach(async () => {
  await room?.stop();
  room = undefined;
});
const mebi = 1024 ** 2;
const secret = /hunter2|correct-horse|never-to-be-read/;

async function opened(options: Parameters<typeof openAskRoom>[0] = {}): Promise<AskRoom> {
  room = await openAskRoom(options);
  return room;
}

/** Carries it out: what it ended with, and all that it wrote down. */
async function told(from: AskRoom, input: Parameters<AskRoom['asked']>[0] = {}) {
  const change = await from.asked(input);
  const outcome = await change.run();
  const { data, process, jvm, threads } = change.intent as Record<string, Record<string, unknown>>;
  const missing = [process, jvm, threads].flatMap((part) => (part?.missing ?? []) as string[]);
  return { change, outcome, verdict: change.notes['Compared with the arithmetic'] ?? '', data, missing };
}

/** For one step alone, with what the ones before it wrote down. */
const stepContext = (from: AskRoom, value: JsonObject): StepContext => ({
  ...from.context(),
  startedAt: new Date(),
  intent: { value, write: async () => {} },
  fence: async () => {},
});

const jcmds = ({ jvm }: AskRoom) => jvm.ran().filter((line) => line.startsWith('jcmd'));

describe('what is proposed', () => {
  test('one container of one pod, what it is asked, and nothing that fluctuates', async () => {
    const { propose, api } = await opened();
    const proposal = await propose();
    expect(proposal.plan).toEqual({
      cluster: 'prod',
      namespace: 'shop',
      pod: 'orders-1',
      uid: 'uid-orders-1',
      container: 'app',
      questions: ['process', 'flags', 'heap', 'native-memory'],
    });
    expect(proposal.target).toEqual({ kind: 'workload', name: 'prod', identity: 'uid-orders-1/app' });
    expect(proposal.words).toBe('ask the JVM of shop/orders-1 (app)');
    expect(proposal.checks.map(({ name, status }) => [name, status])).toEqual([
      ['The container runs', 'ok'],
      ['It is Java', 'ok'],
      ['There is room for jcmd', 'ok'],
      ['Its processes are its own', 'ok'],
      ['Quorum may run commands there', 'ok'],
    ]);
    api.setMetrics('shop', 'orders-1', { app: { cpu: '1', memory: '500Mi' } });
    const later = await propose({}, { approved: proposal.plan });
    expect(later.plan).toEqual(proposal.plan);
    expect(checkIn(later, 'There is room for jcmd').status).toBe('warning');
    expect(api.executed()).toEqual([]);
  });

  test('the thread dump only where it is asked for, with what it does', async () => {
    const { propose } = await opened();
    const proposal = await propose({ threads: true });
    expect(proposal.words).toContain(', with SIGQUIT');
    expect(checkIn(proposal, 'A thread dump goes into the log').status).toBe('warning');
  });

  test('the thread dump is not offered of OpenJ9, which would write a file', async () => {
    const { propose } = await opened({ pod: { container: { image: 'ibm-semeru-runtimes:open-17.0.8.1_1-jre' } } });
    expect(checkIn(await propose({ threads: true }), 'A thread dump goes into the log').status).toBe('blocking');
  });

  test('is refused where the config does not allow it, with the key and the commands to run by hand', async () => {
    const { propose, api } = await opened({ allowExec: false });
    const refusal = await refusalOf(propose());
    expect(refusal.message).toContain('kubernetes.clusters.prod.allowExec is not set');
    expect(refusal.advice).toContain('kubectl exec orders-1 -n shop -c app -- jcmd 1 VM.flags');
    expect(refusal.advice).toContain('quorum rbac --cluster prod');
    expect(api.executed()).toEqual([]);
  });

  test('a container that does not run, or is not Java, and a missing permission stand in the way', async () => {
    const may = (verb: string, _group: string, resource: string) => !(resource === 'pods/exec' && verb === 'create');
    const { propose, api } = await opened({ users: [{ token: 't', name: 'eve', may }], user: 'eve' });
    expect(checkIn(await propose(), 'Quorum may run commands there')).toMatchObject({
      status: 'blocking',
      seen: 'It may not create pods/exec in namespace shop.',
    });
    api.load([askPod({ state: { waiting: { reason: 'CrashLoopBackOff' } } })]);
    expect(checkIn(await propose(), 'The container runs').status).toBe('blocking');
    api.load([askPod({ container: { image: 'nginx:1.27', command: ['nginx'] } })]);
    expect(checkIn(await propose(), 'It is Java').status).toBe('blocking');
  });

  test('shared processes are warned of', async () => {
    const { propose } = await opened({ pod: { spec: { hostPID: true } } });
    expect(checkIn(await propose(), 'Its processes are its own').seen).toContain('hostPID');
  });

  test.each([
    ['nothing of that name', { pod: 'payments-9' }],
    ['no container of that name', { container: 'sidecar' }],
    ['an empty name', { pod: '' }],
    ['no name', { pod: '../../etc' }],
  ])('%s is refused', async (_what, input) => {
    const { propose } = await opened();
    await refusalOf(propose(input));
  });
});

describe('what a JVM says of itself', () => {
  test('its largest heap stands beside the one that was reckoned, with heap in use, native memory, RSS and threads', async () => {
    const from = await opened();
    const { outcome, verdict, data, missing } = await told(from);
    expect(outcome).toEqual({ kind: 'done' });
    expect(verdict).toBe(
      'Largest heap 64 MiB, as reckoned; 17.3 MiB of it in use, RSS 44.3 MiB of 512 MiB, 21 threads.',
    );
    expect(data).toMatchObject({
      limitBytes: 512 * mebi,
      maxHeapBytes: 64 * mebi,
      reckonedHeapBytes: 64 * mebi,
      agrees: true,
      collector: 'G1',
      heapUsedBytes: 17700 * 1024,
      heapCommittedBytes: 64 * mebi,
      rssBytes: 45360 * 1024,
      threads: 21,
      swapBytes: 0,
      native: { committedBytes: 128029 * 1024 },
    });
    expect(missing).toEqual([]);
    // Each step was run twice, as after a killed worker: reading may be.
    expect(new Set(jcmds(from).map((line) => line.replace(/^.* (\d+ [A-Z])/, '$1')))).toEqual(
      new Set(['1 VM.flags []', '1 GC.heap_info []', '1 VM.native_memory summary []']),
    );
  });

  test('jcmd gets a small heap of its own, and none of the variables that the container sets for its JVM', async () => {
    const from = await opened();
    await told(from);
    for (const line of jcmds(from)) expect(line).toMatch(/^jcmd -J-Xms4m -J-Xmx24m .* \[\]$/);
  });

  test('a heap that is another one than reckoned is a finding, and the JVM’s own word counts', async () => {
    const from = await opened({ pod: { container: { command: ['java', '-Xmx256m', '-jar', '/app.jar'] } } });
    const change = await from.asked();
    await change.run();
    expect(change.notes['Compared with the arithmetic']).toContain(
      'Largest heap 64 MiB, not the 256 MiB that Quorum reckoned',
    );
    expect(change.intent.data).toMatchObject({ agrees: false, maxHeapBytes: 64 * mebi, reckonedHeapBytes: 256 * mebi });
  });

  test('a collector that is another one than reckoned is a finding, and so are a limit that is passed and what was swapped out', async () => {
    const status = (text: string) => text.replace(/^VmSwap:.*$/m, 'VmSwap:\t2048 kB');
    const from = await opened({
      jvm: { status, says: { 'VM.flags': { text: '-XX:MaxHeapSize=1073741824 -XX:+UseG1GC' } } },
    });
    const change = await from.asked();
    await change.run();
    const { plan } = await from.propose();
    const outcome = await oomAsk.steps(plan).at(-1)?.ensure(plan, stepContext(from, change.intent));
    const said = JSON.stringify(outcome);
    expect(said).toContain('The heap may grow to 1 GiB in 512 MiB: the kernel kills it before it is full.');
    expect(said).toContain('MaxHeapSize is 1 GiB (1073741824), and the arithmetic gives 64 MiB (67108864).');
    expect(said).toContain('On its command line stands -Xmx64m.');
    expect(said).toContain('It collects with G1, and Serial was reckoned');
    expect(said).toContain('2 MiB of it are swapped out');
  });

  test('JDK 25, and a jcmd that stands in JAVA_HOME alone', async () => {
    const from = await opened({ jvm: { jvm: '25-g1', jcmd: 'in JAVA_HOME' } });
    const { verdict, data } = await told(from);
    expect(verdict).toContain('Largest heap 64 MiB');
    expect(data).toMatchObject({ heapUsedBytes: 18861 * 1024, metaspaceUsedBytes: null, threads: 20 });
  });

  test('where native memory is not tracked that is said, with the flag that would', async () => {
    const from = await opened({ jvm: { nativeMemory: 'off' } });
    const { missing, data } = await told(from);
    expect(missing.join()).toContain('-XX:NativeMemoryTracking=summary');
    expect(data?.native).toBeNull();
  });

  test('a JDK 8 has no GC.heap_info, and the rest is told all the same', async () => {
    const text = 'java.lang.IllegalArgumentException: Unknown diagnostic command\n';
    const from = await opened({ jvm: { says: { 'GC.heap_info': { text, exitCode: 1 } } } });
    const { missing, data } = await told(from);
    expect(missing).toEqual(['jcmd GC.heap_info: this JDK has no such command.']);
    expect(data).toMatchObject({ maxHeapBytes: 64 * mebi, heapUsedBytes: null });
  });
});

test('a JVM that lets nobody attach is asked once: each try makes it write its threads into the log', async () => {
  const text = 'com.sun.tools.attach.AttachNotSupportedException: Unable to open socket file\n';
  const from = await opened({ jvm: { says: { 'VM.flags': { text, exitCode: 1 } } } });
  const { missing } = await told(from);
  // Each step is run twice.
  expect(jcmds(from).length).toBe(2);
  expect(missing).toEqual([
    'jcmd VM.flags: the JVM lets nobody attach: another user, -XX:+DisableAttachMechanism, or it hangs.',
  ]);
});

describe('a second JVM is started only where it fits', () => {
  const limit = 512 * mebi;
  test.each([
    ['exactly at the edge', limit - 128 * mebi, 0],
    ['a byte below the edge', limit - 128 * mebi - 1, 3],
  ])('%s', async (_where, bytes, times) => {
    const from = await opened({ workingSetBytes: bytes, jvm: { cgroup: { current: bytes, max: limit } } });
    const { missing, verdict } = await told(from);
    // Each step is run twice.
    expect(jcmds(from).length).toBe(2 * times);
    if (times > 0) return;
    expect(missing.join()).toContain('jcmd is a second JVM');
    expect(verdict).toBe(
      'RSS 44.3 MiB of 512 MiB, 21 threads. The JVM itself was not asked: too little memory is free.',
    );
  });

  test('nobody is told to type jcmd where there is no room for it', async () => {
    const from = await opened({ workingSetBytes: 500 * mebi });
    const change = await from.asked();
    await change.run();
    const { plan } = await from.propose();
    const outcome = await oomAsk.steps(plan).at(-1)?.ensure(plan, stepContext(from, change.intent));
    expect(JSON.stringify(outcome)).toContain(
      'kubectl exec orders-1 -n shop -c app -- cat /proc/1/status /proc/1/limits',
    );
    expect(JSON.stringify(outcome)).not.toContain('-- jcmd');
  });

  test('what the cgroup tells now counts more than a sample that is older, and idle file pages do not count', async () => {
    const full = await opened({ workingSetBytes: 50 * mebi, jvm: { cgroup: { current: 500 * mebi, max: limit } } });
    await told(full);
    expect(jcmds(full)).toEqual([]);
    await full.stop();
    const idle = await opened({
      workingSetBytes: null,
      jvm: { cgroup: { current: 500 * mebi, max: limit, inactiveFile: 300 * mebi } },
    });
    await told(idle);
    expect(jcmds(idle).length).toBe(6);
  });

  test('it is looked at before each question, and asking stops where it has become too little', async () => {
    const from = await opened();
    const change = await from.asked();
    const { answers } = from.jvm;
    let questions = 0;
    from.api.setExec(async (request) => {
      const reply = await answers(request);
      if (request.command.includes('VM.flags')) from.jvm.setCgroup({ current: 500 * mebi, max: limit });
      if (request.command.some((word) => /^(?:VM|GC)\./.test(word))) questions += 1;
      return reply;
    });
    await change.run({ until: 'never' });
    expect(questions).toBe(1);
  });

  test('without a limit, or without a figure of what is in use, it is not started', async () => {
    const unlimited = await opened({
      pod: { container: { resources: {} } },
      jvm: { cgroup: { current: mebi, max: 2 ** 63 } },
    });
    expect((await told(unlimited)).missing.join()).toContain('no memory limit that is known');
    expect(jcmds(unlimited)).toEqual([]);
  });

  test('a limit that the containers of the pod share counts all of them', async () => {
    const spec = { resources: { limits: { memory: '512Mi' } } };
    const from = await opened({ pod: { spec, container: { resources: {} } }, workingSetBytes: null });
    expect((await told(from)).missing.join()).toContain('How much of the limit is in use is not known');
    expect(jcmds(from)).toEqual([]);
  });
});

describe('whom it asks', () => {
  test('the largest java behind a wrapper, not process 1', async () => {
    const from = await opened({
      jvm: {
        mainPid: 1,
        comm: 'tini',
        processes: {
          7: { comm: 'java', rssKilobytes: 90_000 },
          9: { comm: 'java', rssKilobytes: 20_000 },
          12: { comm: 'sleep' },
        },
      },
    });
    const { change, data } = await told(from);
    expect(change.notes['Process read']).toBe('Process 7, the largest of 2.');
    expect(data?.pid).toBe(7);
    expect(jcmds(from).every((line) => / 7 [A-Z]/.test(line))).toBe(true);
  });

  test('never a java of another container or of the node', async () => {
    const from = await opened({
      pod: { spec: { shareProcessNamespace: true } },
      jvm: { comm: 'pause', processes: { 7: { comm: 'java', cgroup: '0::/../cri-containerd-other.scope' } } },
    });
    const { missing, data } = await told(from, { threads: true });
    expect(missing.join()).toContain('belong to others');
    expect(data?.pid).toBeNull();
    expect(from.jvm.ran()).toEqual([]);
  });

  test('nobody where no process is java', async () => {
    const from = await opened({ jvm: { comm: 'native-image' } });
    const { missing, verdict } = await told(from, { threads: true });
    expect(missing.join()).toContain('No process here is java');
    expect(verdict).toContain('working set 120 MiB of 512 MiB');
    expect(from.jvm.ran()).toEqual([]);
  });

  test('no jcmd in the image: what /proc tells, and that there is none', async () => {
    const from = await opened({ jvm: { jcmd: 'none' } });
    const { missing, verdict } = await told(from);
    expect(missing.join()).toContain('There is no jcmd in this container (JRE images have none)');
    expect(verdict).toContain('RSS 44.3 MiB of 512 MiB, 21 threads. The JVM itself told nothing.');
  });

  test('an image without a shell: process 1 by cat alone, and the way by hand', async () => {
    const from = await opened({ jvm: { shell: 'none' } });
    const { missing, data } = await told(from, { threads: true });
    expect(missing.join()).toContain('has no shell');
    expect(missing.join()).toContain('kubectl debug orders-1 -n shop -it --image=busybox --target=app');
    expect(data).toMatchObject({ pid: 1, rssBytes: 45360 * 1024, threads: 21, maxHeapBytes: null });
    expect(from.jvm.ran()).toEqual([]);
  });

  test('a distroless image, with neither shell nor cat, ends with what is known from outside', async () => {
    const from = await opened({ jvm: { shell: 'none', cat: 'none' } });
    const { outcome, missing, verdict } = await told(from);
    expect(outcome).toEqual({ kind: 'done' });
    expect(missing.join()).toContain('neither a shell nor cat');
    expect(verdict).toContain('working set 120 MiB of 512 MiB');
  });
});

describe('what goes wrong on the way', () => {
  test('a connection that is cut while /proc is read is tried again; while jcmd runs it costs that answer', async () => {
    const from = await opened();
    const change = await from.asked();
    let cuts = 0;
    from.api.setExec(async (request) => {
      const reply = await from.jvm.answers(request);
      const isFirst = request.command.length === 4 && cuts++ === 0;
      return isFirst || request.command.includes('GC.heap_info') ? { ...reply, trouble: 'cut' } : reply;
    });
    expect(await change.run()).toEqual({ kind: 'done' });
    expect(change.log[0]).toBe('Process read: waiting');
    expect(change.intent.data).toMatchObject({ maxHeapBytes: 64 * mebi, heapUsedBytes: null });
    expect(JSON.stringify(change.intent.jvm)).toContain('The connection broke while jcmd GC.heap_info ran.');
  });

  test('an API server that is away for a moment is waited for', async () => {
    const from = await opened();
    const change = await from.asked();
    from.api.fault({ resource: 'pods', verb: 'get', times: 2, status: 503 });
    expect(await change.run()).toEqual({ kind: 'done' });
    expect(change.log.slice(0, 2)).toEqual(['Process read: waiting', 'Process read: done']);
  });

  test('a refused exec ends it, with the permission', async () => {
    const from = await opened();
    const change = await from.asked();
    from.api.fault({ resource: 'pods/exec', times: 9, status: 403 });
    const refusal = await refusalOf(change.run());
    expect(refusal.message).toContain('Quorum may not create pods/exec in namespace shop');
  });

  test('a container that was restarted in between, and a pod that was made anew', async () => {
    const from = await opened();
    const change = await from.asked();
    const { answers } = from.jvm;
    from.api.setExec(async (request) => {
      if (request.command.includes('VM.flags'))
        from.api.load([askPod({ state: { running: { startedAt: '2026-11-03T09:59:00Z' } } })]);
      return await answers(request);
    });
    expect((await refusalOf(change.run())).message).toBe(
      'Container app was restarted meanwhile: its JVM is another one now.',
    );
    from.api.load([askPod({ uid: 'another' })]);
    expect((await refusalOf(change.run())).message).toContain('made anew');
  });

  test('an output without end is cut at a limit, and nothing fails', async () => {
    const from = await opened({ jvm: { says: { 'VM.flags': { text: 'x '.repeat(2_000_000) } } } });
    const { outcome, missing } = await told(from);
    expect(outcome).toEqual({ kind: 'done' });
    expect(missing).toEqual(['What jcmd told of the flags could not be read.']);
  });

  test('what is no text at all is read as nothing', async () => {
    const from = await opened();
    const change = await from.asked();
    from.api.setExec(() => ({ stdout: '\0\u{1f600}@@process x\n@@comm java\n@@stat\n\x1b[31m' }));
    expect(await change.run()).toEqual({ kind: 'done' });
    expect(change.notes['Process read']).toContain('No process here is java');
  });
});

describe('secrets', () => {
  test('on the command line are masked, the program’s own arguments and the environment are never shown', async () => {
    const commandLine = [
      '/opt/java/bin/java',
      '-Xmx64m',
      '-Ddb.password=hunter2-not-shown',
      '-javaagent:/a.jar=token=hunter2-not-shown',
      '-jar',
      '/app.jar',
      '--api-key',
      'hunter2-not-shown',
      'hunter2-not-shown',
    ];
    const from = await opened({ jvm: { commandLine, environment: 'TOKEN=never-to-be-read\0' } });
    const { change } = await told(from);
    const all = JSON.stringify([change.intent, change.notes, await from.propose()]);
    expect(all).toContain('-Ddb.password=***');
    expect(all).not.toMatch(secret);
    expect(JSON.stringify(from.api.executed())).not.toContain('environ');
  });

  test('in what jcmd complains of are masked', async () => {
    const text = 'Error: -Ddb.password=hunter2-not-shown is not known\n';
    const from = await opened({ jvm: { says: { 'VM.flags': { text, exitCode: 1 } } } });
    const { change } = await told(from);
    expect(JSON.stringify(change.intent)).not.toMatch(secret);
  });
});

describe('SIGQUIT', () => {
  const dump = recorded('17-g1.dump').replaceAll('token-refresher', 'refresher password=hunter2-not-shown');

  test('is sent once, and the dump that it makes is read from the log, masked', async () => {
    const from = await opened();
    from.api.setLog('shop', 'orders-1', 'app', `started\n${recorded('17-g1.dump')}`);
    from.jvm.onQuit(() =>
      from.api.setLog('shop', 'orders-1', 'app', `started\n${dump.replace('09:31:19', '09:45:00')}`),
    );
    const { change, outcome, data } = await told(from, { threads: true });
    expect(outcome).toEqual({ kind: 'done' });
    expect(change.notes['Thread dump taken']).toBe('20 threads: 9 RUNNABLE, 3 TIMED_WAITING, 1 WAITING.');
    expect(from.jvm.ran().filter((line) => line.startsWith('kill'))).toEqual(['kill -3 1']);
    expect(data).toMatchObject({ hasDeadlock: false });
    expect(JSON.stringify(change.intent)).not.toMatch(secret);
  });

  test('is not sent without being asked for', async () => {
    const from = await opened();
    await told(from);
    expect(from.jvm.ran().filter((line) => line.startsWith('kill'))).toEqual([]);
  });

  test('is not sent again by a worker that takes over after a kill', async () => {
    const from = await opened();
    const change = await from.asked({ threads: true });
    const killed = new Error('killed');
    const fence = async (): Promise<void> => {
      throw killed;
    };
    await expect(change.run({ fence })).rejects.toBe(killed);
    expect(change.intent.quitAt).toBeDefined();
    expect(await change.run({ aheadMs: 30_000 })).toEqual({ kind: 'done' });
    expect(from.jvm.ran().filter((line) => line.startsWith('kill'))).toEqual([]);
    expect(JSON.stringify(change.intent.threads)).toContain('which is sent only once');
  });

  test('is not sent to a JVM that does not catch it, and neither does jcmd attach to one', async () => {
    const status = (text: string) => text.replace(/^SigCgt:.*$/m, 'SigCgt:\t0000000101005cc8');
    const from = await opened({ jvm: { status } });
    const { missing } = await told(from, { threads: true });
    expect(from.jvm.ran()).toEqual([]);
    expect(missing.join()).toContain('does not catch SIGQUIT (-Xrs?)');
    expect(missing.join()).toContain('No signal was sent');
  });

  test('where no dump comes into the log, that is said', async () => {
    const from = await opened();
    const change = await from.asked({ threads: true });
    await change.run({ until: 'Thread dump taken' });
    expect(change.log.at(-1)).toBe('Thread dump taken: waiting');
    expect(await change.run({ aheadMs: 30_000 })).toEqual({ kind: 'done' });
    expect(change.notes['Thread dump taken']).toContain('No thread dump came into the log');
    expect(from.jvm.ran().filter((line) => line.startsWith('kill'))).toEqual(['kill -3 1']);
  });
});
