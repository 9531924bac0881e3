import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MemoryRange } from '../kubernetes/memory-history.ts';
import type { MemoryReader } from '../kubernetes/memory-reader.ts';
import { Refusal } from '../refusal.ts';
import { codeOf } from '../thrown.ts';
import { parseRange, type Series } from './matrix.ts';
import { memoryFigures } from './memory-figures.ts';

/**
 * A recorded answer of /api/v1/query_range in a folder's prometheus.json, series of any metrics together, in place of a Prometheus.
 * Undefined where there is no such file. @throws Refusal where it is no such answer
 */
export async function recordedMemory(directory: string): Promise<MemoryReader | undefined> {
  const file = join(directory, 'prometheus.json');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined;
    throw new Refusal(`${file} cannot be read: ${codeOf(error)}.`, 'Check who may read it.');
  });
  if (text === undefined) return undefined;
  const answer = parseRange(text);
  if (answer?.kind !== 'series')
    throw new Refusal(
      `${file} is no answer of /api/v1/query_range.`,
      'Record it anew: curl -G <prometheus>/api/v1/query_range with query, start, end and step.',
    );
  return {
    memory: async (name, asked, known) => {
      const range = recordedRange(answer.series, asked);
      return range === undefined ? undefined : memoryFigures(answer.series, name, range, known);
    },
  };
}

/** All that was recorded, and the time until the end of what is asked for where that is near: the last end may lie there. */
function recordedRange(series: readonly Series[], asked: MemoryRange): MemoryRange | undefined {
  const times = [...new Set(series.flatMap(({ samples }) => samples.map(([atMs]) => atMs)))].sort((a, b) => a - b);
  const [fromMs] = times;
  const lastMs = times.at(-1);
  if (fromMs === undefined || lastMs === undefined) return undefined;
  const isNear = asked.toMs > lastMs && asked.toMs - lastMs < (lastMs - fromMs) / 4;
  const distances = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
  // Runs begin and end between the steps: the distance that is found most is that of the values.
  const middle = distances.sort((a, b) => a - b)[Math.floor(distances.length / 2)];
  return { fromMs, toMs: isNear ? asked.toMs : lastMs, stepMs: middle ?? 60_000 };
}
