import { type Details, type Explanation, explained, told } from './explanation.ts';
import { shownLine } from './java-log.ts';
import type { Terminated } from './objects.ts';
import type { Scene } from './termination.ts';

/**
 * A container that ended by itself with an error, or whose program never began.
 * @param outlived a line in which the JVM complained of something that it outlived
 */
export function errorExit(scene: Scene, ended: Terminated, outlived: string | undefined): Explanation {
  const { log, isJava } = scene;
  if (ended.exitCode === 134 || ended.exitCode === 139)
    return explained(
      isJava === true ? 'native-crash' : 'error-exit',
      'inferred',
      `It crashed with signal ${ended.exitCode === 134 ? 'SIGABRT' : 'SIGSEGV'}. The kernel did not kill it for memory.`,
      told(ended),
    );
  if (ended.reason === 'StartError' || ended.reason === 'ContainerCannotRun') return notStarted(scene, ended);
  const lastLine = (log ?? '').trimEnd().split('\n').at(-1) ?? '';
  const isOutOfMemory = ended.exitCode === 3 && isJava === true;
  const exitOnOutOfMemory = isOutOfMemory
    ? ' Exit code 3 is what -XX:+ExitOnOutOfMemoryError ends with; the log that would tell is not there.'
    : '';
  return explained(
    'error-exit',
    'fact',
    `It ended by itself with exit code ${ended.exitCode ?? 'unknown'}. The kernel did not kill it for memory.${exitOnOutOfMemory}`,
    `${told(ended)}${lastLine === '' ? '' : `; last line of the log: ${shownLine(lastLine)}`}${outlived === undefined ? '' : `; before that, and outlived: ${outlived}`}`,
    isOutOfMemory ? exitThree : calculatorRefusal(log ?? ''),
  );
}

const exitThree: Details = {
  short: 'exit code 3, as for its own OutOfMemoryError; its log is cut',
  advice:
    'Look for “Terminating due to java.lang.OutOfMemoryError” where its logs are kept: it names what was full, the heap or something else.',
};

/** The memory calculator of Paketo's and Cloud Foundry's buildpacks starts no JVM where the limit holds no heap beside the rest. */
function calculatorRefusal(log: string): Details {
  const found = /(?:fixed memory regions require|required memory) (\d+\w?).{0,40}greater than (\d+\w?)/.exec(log);
  if (found === null) return {};
  return {
    short: 'the buildpack finds no room for a heap, and starts no JVM',
    advice: `It counts ${found[1]} beside the heap and has ${found[2]}: raise the limit above that, or lower what it counts (BPL_JVM_THREAD_COUNT, -XX:ReservedCodeCacheSize).`,
  };
}

/** The runtime could not begin the program: where the kernel killed it as it began, the limit holds not even that. */
function notStarted({ limit }: Scene, ended: Terminated): Explanation {
  if (!/OOM-killed|memory limit too low/i.test(ended.message ?? ''))
    return explained('error-exit', 'fact', 'Its program could not be started.', told(ended));
  const written = limit.written ?? '';
  const thousandths = /^(\d+)m$/.exec(written)?.[1];
  return explained(
    'limit',
    'fact',
    'The kernel killed it at its memory limit before its program began.',
    `${told(ended)}; limit ${written}`,
    {
      short: 'killed at its memory limit before it began',
      advice:
        thousandths === undefined
          ? `Raise the limit: ${written} holds no program.`
          : `Write ${thousandths}Mi: ${written} means ${thousandths} thousandths of a byte.`,
    },
  );
}
