import type { RunningProcess } from './process.ts';

/** Worker processes of which one is always ready to take over from one that was killed. */
export interface WorkerPool {
  /** How many have ended. */
  kills(): number;
  running(): readonly RunningProcess[];
  /** One more, beside those that are there. */
  add(): Promise<void>;
  /** SIGKILL to one of them, by chance; another is started in its place. */
  killOne(): Promise<void>;
  /** Everything that all of them have logged. */
  log(): string;
  stop(): Promise<void>;
}

/** @param start back when the worker takes tickets */
export async function startWorkers(count: number, start: () => Promise<RunningProcess>): Promise<WorkerPool> {
  const running = new Set<RunningProcess>();
  const ended: string[] = [];
  const starting = new Set<Promise<void>>();
  let isStopped = false;
  let kills = 0;
  let failure: unknown;

  async function add(): Promise<void> {
    const worker = await start();
    running.add(worker);
    void worker.exited.then(() => {
      running.delete(worker);
      ended.push(worker.log());
      if (isStopped) return;
      kills += 1;
      replace();
    });
  }

  /** Where a worker is killed while it starts, another one is started. */
  function replace(): void {
    const adding = add()
      .catch((error: unknown) => {
        failure = error;
        if (!isStopped && /ended at its start/.test(String(error))) {
          kills += 1;
          replace();
        }
      })
      .finally(() => starting.delete(adding));
    starting.add(adding);
  }

  await Promise.all(Array.from({ length: count }, add));
  return {
    kills: () => kills,
    running: () => [...running],
    add,
    async killOne() {
      const all = [...running];
      await all[Math.floor(Math.random() * all.length)]?.kill();
    },
    log: () => [...ended, ...[...running].map((worker) => worker.log()), String(failure ?? '')].join('\n'),
    async stop() {
      isStopped = true;
      while (starting.size > 0) await Promise.all(starting);
      await Promise.all([...running].map((worker) => worker.kill()));
    },
  };
}
