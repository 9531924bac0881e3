import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Ground, type Started, startScript } from './ground.ts';
import { compare, type Round } from './rounds.ts';
import { type Row, row } from './row.ts';

const pods = 10_000;
const rounds = 3;

/** How much more memory a process takes that watches 10,000 pods of an API server in another process. */
export async function benchPods(ground: Ground): Promise<Row[]> {
  const kubeconfig = join(ground.folder, 'pods.kubeconfig');
  const server = await start(ground, 'pod-server', [String(pods), kubeconfig]);
  const peaks: Round[] = [];
  const kept: Round[] = [];
  try {
    for (let round = 0; round < rounds; round += 1) {
      const watcher = await start(ground, 'pod-watcher', [kubeconfig]);
      const { pods: seen, beforeMb, peakMb, keptMb } = watcher.ready;
      if (seen !== pods) throw new Error(`${seen} of ${pods} pods were seen`);
      peaks.push({ ours: Number(peakMb), baseline: Number(beforeMb) });
      kept.push({ ours: Number(keptMb), baseline: Number(beforeMb) });
      await watcher.stop();
    }
  } finally {
    await server.stop();
  }
  const baselineIs = 'the same process before it watches';
  return [
    row(compare(peaks), {
      what: 'watch of 10,000 pods, extra memory',
      baselineIs,
      unit: 'MB',
      aim: { kind: 'ours', atMost: 60 },
      note: 'the peak of the resident memory while they are listed, over what it was before; the API server is another process',
    }),
    row(compare(kept), {
      what: 'watch of 10,000 pods, kept',
      baselineIs,
      unit: 'MB',
      aim: { kind: 'none' },
      note: 'how much larger the heap is once all are listed, after a collection: who is there, and in which version',
    }),
  ];
}

async function start(ground: Ground, file: 'pod-server' | 'pod-watcher', args: readonly string[]): Promise<Started> {
  const path = fileURLToPath(new URL(`./${file}.js`, import.meta.url));
  return await startScript(ground, file, ['--expose-gc', path, ...args]);
}
