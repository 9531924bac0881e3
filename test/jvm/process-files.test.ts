import { describe, expect, test } from '@jest/globals';
import {
  cgroupMemory,
  commandWords,
  parseLimits,
  parseProcessStatus,
  startTicksIn,
} from '../../src/jvm/process-files.ts';
import { lastThreadDump } from '../../src/jvm/thread-dump.ts';
import { asked } from '../support/jvm-container.ts';

describe('a process as the kernel tells of it', () => {
  test('memory, threads and user come from its status', () => {
    expect(parseProcessStatus(asked('25-g1.status'))).toEqual({
      name: 'java',
      rssBytes: 49420 * 1024,
      anonymousBytes: 25120 * 1024,
      peakRssBytes: 49420 * 1024,
      swapBytes: 0,
      threads: 20,
      userId: 0,
      catchesQuit: true,
    });
  });

  test('one under -Xrs does not catch SIGQUIT', () => {
    const status = asked('25-g1.status').replace(/^SigCgt:.*$/m, 'SigCgt:\t0000000101005cc8');
    expect(parseProcessStatus(status)?.catchesQuit).toBe(false);
    expect(parseProcessStatus(status.replace(/^SigCgt:.*\n/m, ''))?.catchesQuit).toBeUndefined();
  });

  test('what is no status is none', () => {
    for (const text of ['', '\0', 'cat: /proc/7/status: No such file or directory\n'])
      expect(parseProcessStatus(text)).toBeUndefined();
  });

  test('the start time is found behind a name that holds anything', () => {
    expect(startTicksIn(`7 (ja) va (x) S 0 ${'1 '.repeat(17)}4007 1 2`)).toBe('4007');
    expect(startTicksIn('7 (java) S 0')).toBeUndefined();
    expect(startTicksIn('')).toBeUndefined();
  });

  test('soft limits, and the words of a command line', () => {
    expect(parseLimits(asked('17-g1.limits'))).toEqual({ openFiles: '20000', processes: '96365' });
    expect(commandWords('java\0-Dx=a b\0\0-jar\0/a.jar\0\n')).toEqual(['java', '-Dx=a b', '', '-jar', '/a.jar']);
    expect(commandWords('')).toEqual([]);
  });
});

describe('the memory of a cgroup', () => {
  test('of version 2 is what is in use less file pages that lie idle', () => {
    expect(
      cgroupMemory({
        'memory.current': '200\n',
        'memory.max': '512\n',
        'memory.peak': '300\n',
        'memory.events': 'low 0\nmax 3\noom 1\noom_kill 2\n',
        'memory.stat': 'anon 5\nactive_file 7\ninactive_file 50\n',
      }),
    ).toEqual({ currentBytes: 200, limitBytes: 512, peakBytes: 300, oomKills: 2, workingSetBytes: 150 });
  });

  test('of version 1 has other names, and a number for no limit', () => {
    expect(
      cgroupMemory({
        'memory.usage_in_bytes': '200\n',
        'memory.limit_in_bytes': '9223372036854771712\n',
        'memory.max_usage_in_bytes': '300\n',
        'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
        'memory.stat': 'inactive_file 10\ntotal_inactive_file 40\n',
      }),
    ).toEqual({ currentBytes: 200, limitBytes: undefined, peakBytes: 300, oomKills: 1, workingSetBytes: 160 });
  });

  test('that tells nothing is known for nothing', () => {
    expect(cgroupMemory({ 'memory.max': 'max\n' })).toEqual({
      currentBytes: undefined,
      limitBytes: undefined,
      peakBytes: undefined,
      oomKills: undefined,
      workingSetBytes: undefined,
    });
  });
});

describe('a thread dump in a log', () => {
  test('of 17 and of 25 is found to its end, with its states', () => {
    const dump = lastThreadDump(asked('17-g1.dump'));
    expect(dump).toMatchObject({ isWhole: true, hasDeadlock: false, threads: 20 });
    expect(dump?.head.startsWith('2026-11-29 09:31:19\nFull thread dump OpenJDK 64-Bit Server VM (17.0.15')).toBe(true);
    expect(dump?.states).toEqual([
      ['RUNNABLE', 9],
      ['TIMED_WAITING', 3],
      ['WAITING', 1],
    ]);
    expect(lastThreadDump(asked('25-z.dump'))).toMatchObject({ isWhole: true });
  });

  test('ends where the program goes on to write, and the last one counts', () => {
    const one = asked('17-g1.dump');
    const two = one.replace('2026-11-29 09:31:19', '2026-11-29 09:31:59');
    const dump = lastThreadDump(`${one}\nGET /a 200\n${two}\nGET /secret 200\n`);
    expect(dump?.head.startsWith('2026-11-29 09:31:59')).toBe(true);
    expect(dump?.text).not.toContain('GET');
  });

  test('that is cut off, or is none, is told as that', () => {
    expect(lastThreadDump(asked('17-g1.dump').slice(0, 2000))?.isWhole).toBe(false);
    expect(lastThreadDump('ready\n')).toBeUndefined();
    expect(lastThreadDump('')).toBeUndefined();
  });
});
