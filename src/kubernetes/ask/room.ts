import { formatBytes } from '../../report/text.ts';

/** What a second JVM may take: jcmd of JDK 17 takes 39 MiB, of JDK 25 48 MiB; with the heap that it may use, doubled. */
export const jcmdBytes = 128 * 1024 ** 2;

export type Room = {
  readonly isEnough: boolean;
  readonly workingSetBytes: number | null;
  readonly limitBytes: number | null;
  /** A sentence. */
  readonly why: string;
};

/**
 * Whether a second JVM fits beside the first: one that starts in a full cgroup is what gets the container killed. What is not known is no room.
 * @param workingSets of whatever the limit counts, by those who tell; the largest counts
 */
export function roomForJcmd(
  workingSets: readonly (number | null | undefined)[],
  limits: readonly (number | null | undefined)[],
): Room {
  const workingSetBytes = largest(workingSets);
  const limitBytes = smallest(limits);
  if (limitBytes === null)
    return {
      isEnough: false,
      workingSetBytes,
      limitBytes,
      why: 'The container has no memory limit that is known, so how much is free is not known either: no second JVM was started.',
    };
  if (workingSetBytes === null)
    return {
      isEnough: false,
      workingSetBytes,
      limitBytes,
      why: 'How much of the limit is in use is not known: no second JVM was started.',
    };
  const isEnough = workingSetBytes + jcmdBytes < limitBytes;
  const amounts = `${formatBytes(workingSetBytes)} of ${formatBytes(limitBytes)} are in use`;
  return {
    isEnough,
    workingSetBytes,
    limitBytes,
    why: isEnough
      ? `${amounts}: jcmd, a second JVM, has its ${formatBytes(jcmdBytes)}.`
      : `${amounts}: jcmd is a second JVM, and less than ${formatBytes(jcmdBytes)} beside the first may get the container killed. It was not started.`,
  };
}

function known(values: readonly (number | null | undefined)[]): number[] {
  return values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
}

function largest(values: readonly (number | null | undefined)[]): number | null {
  const found = known(values);
  return found.length === 0 ? null : Math.max(...found);
}

function smallest(values: readonly (number | null | undefined)[]): number | null {
  const found = known(values);
  return found.length === 0 ? null : Math.min(...found);
}
