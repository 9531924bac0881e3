import type { Cause } from './explanation.ts';

/**
 * What to do about each cause, and the cause in a few words for a summary. A limit on threads is never answered with more
 * memory, and a kill that had nothing to do with memory never with flags.
 */
export const causeAdvice: Readonly<Record<Cause, { readonly short: string; readonly advice: string }>> = {
  limit: {
    short: 'killed at its memory limit',
    advice: 'Bound what it uses below the limit, or raise the limit.',
  },
  'pod-limit': {
    short: 'killed at the pod’s memory limit',
    advice: 'See which of the containers grew, for they share the limit; then bound it or raise the pod’s limit.',
  },
  'child-process': {
    short: 'a child process was killed for memory',
    advice:
      'Look for what the first process starts beside itself (shells, ffmpeg, another JVM) and count its memory into the limit.',
  },
  'node-oom': {
    short: 'killed because the node ran out of memory',
    advice:
      'Set the memory request to what it needs (request = limit makes it Guaranteed and the last to be chosen), or move load off the node: its limit is not at fault.',
  },
  evicted: {
    short: 'evicted by the node',
    advice: 'See what the node ran low on: kubectl describe node, under Conditions and Events.',
  },
  heap: {
    short: 'Java heap space inside the JVM, not killed',
    advice:
      'Give the JVM more heap inside the same limit; if the heap fills again, take a heap dump before more memory.',
  },
  'gc-overhead': {
    short: 'GC overhead limit exceeded inside the JVM, not killed',
    advice: 'Give the JVM more heap inside the same limit once; if it comes back, a leak is likely: take a heap dump.',
  },
  metaspace: {
    short: 'metaspace full inside the JVM, not killed',
    advice:
      'Raise -XX:MaxMetaspaceSize if it is set low; if it grows with each redeployment or request, a class loader leaks. More heap does not help.',
  },
  'compressed-class-space': {
    short: 'compressed class space full inside the JVM, not killed',
    advice:
      'Raise -XX:CompressedClassSpaceSize, or look for what generates classes without end. More heap does not help.',
  },
  'direct-memory': {
    short: 'direct buffer memory used up inside the JVM, not killed',
    advice:
      'Raise -XX:MaxDirectMemorySize (Netty: -Dio.netty.maxDirectMemory; the limit must hold it beside the heap), or look for buffers that are not released.',
  },
  'native-threads': {
    short: 'no more threads inside the JVM, not killed',
    advice:
      'Take a thread dump and count them: threads leak, or a limit on processes is too low (podPidsLimit, pids.max). More memory does not help.',
  },
  'array-size': {
    short: 'an array too large for any JVM, not killed',
    advice: 'Find the place in the stack trace: it is a fault of the program. More memory does not help.',
  },
  'stack-overflow': {
    short: 'stack overflow inside the JVM, not killed',
    advice:
      'Find the recursion in the stack trace; as a rule it is endless. Only for a deep but finite one raise -Xss.',
  },
  'bad-flags': {
    short: 'the JVM refuses its flags; no memory problem',
    advice: 'Correct the flag that the message names; it may have been dropped by a newer JDK.',
  },
  'native-crash': {
    short: 'the JVM crashed in native code',
    advice:
      'Look at the hs_err file or the log: the frame that crashed names the library. If it says that native memory was refused, lower the heap or the threads.',
  },
  'probe-kill': {
    short: 'stopped for a failed probe; no OOM kill',
    advice:
      'See why it did not answer (long garbage collections, a slow start, a dependency), then the probe’s timeout and initial delay.',
  },
  sigterm: {
    short: 'asked to stop (SIGTERM); no memory problem',
    advice: 'See who asked in the events and in kubectl rollout history: a rollout, a drain, a scale-down or a probe.',
  },
  'sigkill-unknown': {
    short: 'killed with SIGKILL; not said to be for memory',
    advice: 'Look at the node’s kernel log (journalctl -k | grep -i oom) and at the events around that time.',
  },
  'error-exit': {
    short: 'ended with an error; not OOM-killed',
    advice: 'Read the last lines of its log: as far as can be seen it is no memory problem.',
  },
  completed: { short: 'finished (exit code 0)', advice: '' },
  none: { short: 'was not OOM-killed', advice: '' },
  unknown: {
    short: 'cannot be told',
    advice: 'Ask again when the pod has a status, or look with kubectl describe pod.',
  },
};
