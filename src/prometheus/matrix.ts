import { z } from 'zod';
import type { Sample } from '../kubernetes/memory-history.ts';

/** One series of a range: its labels and its values, those that are numbers. */
export type Series = { readonly labels: Readonly<Record<string, string>>; readonly samples: readonly Sample[] };

/** Longer label values name nothing that is asked about. */
const longestLabel = 1024;

/** `[1793671200.123, "514850816"]`; a value may be "NaN", "+Inf" or "-Inf". */
const point = z.tuple([z.number(), z.string()]);

/** The answer of /api/v1/query_range. Source: https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries */
const answerSchema = z.union([
  z.object({
    status: z.literal('success'),
    data: z.object({
      resultType: z.literal('matrix'),
      result: z.array(z.object({ metric: z.record(z.string(), z.string()), values: z.array(point) })),
    }),
  }),
  z.object({ status: z.literal('error'), errorType: z.string().default(''), error: z.string().default('') }),
]);

/** What Prometheus said: its series, the error in its own words, or undefined for what is no such answer. */
export type RangeAnswer =
  | { readonly kind: 'series'; readonly series: readonly Series[] }
  | { readonly kind: 'error'; readonly said: string };

/** Reads an answer of /api/v1/query_range; undefined where the text is none. */
export function parseRange(text: string): RangeAnswer | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = answerSchema.safeParse(json);
  if (!parsed.success) return undefined;
  if (parsed.data.status === 'error')
    return { kind: 'error', said: [parsed.data.errorType, parsed.data.error].filter((part) => part !== '').join(': ') };
  return {
    kind: 'series',
    series: parsed.data.data.result
      .filter(({ metric }) => Object.values(metric).every(({ length }) => length <= longestLabel))
      .map(({ metric, values }) => ({
        labels: metric,
        samples: values.flatMap(([seconds, value]): Sample[] => {
          const bytes = Number(value);
          return value.trim() === '' || !Number.isFinite(bytes) ? [] : [[Math.round(seconds * 1000), bytes]];
        }),
      })),
  };
}
