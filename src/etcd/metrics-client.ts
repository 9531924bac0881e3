import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import type { MetricsRead } from './cluster.ts';
import type { Credentials } from './credentials-client.ts';
import { failureOf } from './failure.ts';
import { type MemberMetrics, parseMetrics } from './metrics.ts';

/** A member's text is about 100 KB; what is far beyond is not one. */
const longestText = 8 * 1024 * 1024;

/** How old an earlier reading gets before the next one takes its place: long enough to tell a burst, short enough to be recent. */
const earlierMs = 10 * 60_000;

/** Reads members' /metrics over connections that are kept, each with an earlier reading to compare with where there is one. */
export type MetricsReader = {
  read(url: string, timeoutMs: number): Promise<MetricsRead>;
  close(): void;
};

export function createMetricsReader(credentials: Credentials): MetricsReader {
  const plain = new http.Agent({ keepAlive: true, maxSockets: 2 });
  const secure = new https.Agent({ keepAlive: true, maxSockets: 2, secureContext: credentials.context });
  const kept = new Map<string, NonNullable<MetricsRead['earlier']>>();
  const compared = (url: string, metrics: MemberMetrics): MetricsRead => {
    const known = kept.get(url);
    // Counters begin anew with the process.
    const earlier = known?.metrics.startedAt === metrics.startedAt ? known : undefined;
    if (earlier === undefined || Date.now() - Date.parse(earlier.seenAt) > earlierMs)
      kept.set(url, { seenAt: new Date().toISOString(), metrics });
    return { url, metrics, ...(earlier === undefined ? {} : { earlier }) };
  };
  return {
    async read(base, timeoutMs) {
      const url = metricsUrl(base);
      try {
        const metrics = parseMetrics(await get(url, url.protocol === 'https:' ? secure : plain, timeoutMs));
        if (metrics === null) return { url: url.href, failure: 'it answered, but with no etcd metric in it' };
        return compared(url.href, metrics);
      } catch (error) {
        return { url: url.href, failure: failureOf(error).said };
      }
    },
    close() {
      plain.destroy();
      secure.destroy();
    },
  };
}

/** The address itself where it names a path, else its /metrics. */
function metricsUrl(base: string): URL {
  const url = new URL(base);
  if (url.pathname === '/' || url.pathname === '') url.pathname = '/metrics';
  return url;
}

function get(url: URL, agent: http.Agent, timeoutMs: number): Promise<string> {
  const client = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const servername = url.hostname.replace(/^\[|\]$/g, '');
    const request = client.get(
      url,
      { agent, ...(isIP(servername) === 0 ? {} : { servername: '' }), signal: AbortSignal.timeout(timeoutMs) },
      (response) => {
        if (response.statusCode !== 200) {
          response.resume();
          reject(new Error(`HTTP ${response.statusCode}`));
          return;
        }
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > longestText) request.destroy(new Error('the answer is too long for metrics'));
          else chunks.push(chunk);
        });
        response.on('end', () => resolve(Buffer.concat(chunks).toString()));
        response.on('error', reject);
      },
    );
    request.on('error', (error) =>
      reject(
        error.name === 'AbortError' || error.name === 'TimeoutError'
          ? new Error(`no answer in ${timeoutMs} ms`)
          : error,
      ),
    );
  });
}
