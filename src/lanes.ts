/** Runs what is given for one lane one after another; lanes do not wait for each other. What fails holds up nobody. */
export type Lanes = <T>(lane: string, work: () => Promise<T>) => Promise<T>;

export function createLanes(): Lanes {
  const lanes = new Map<string, Promise<unknown>>();
  return (lane, work) => {
    const before = lanes.get(lane) ?? Promise.resolve();
    const running = before.then(work, work);
    const settled = running.then(
      () => undefined,
      () => undefined,
    );
    lanes.set(lane, settled);
    settled.then(() => {
      if (lanes.get(lane) === settled) lanes.delete(lane);
    });
    return running;
  };
}
