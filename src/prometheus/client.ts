import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { MemoryRange } from '../kubernetes/memory-history.ts';
import type { MemoryReader } from '../kubernetes/memory-reader.ts';
import { Refusal } from '../refusal.ts';
import { messageOf } from '../thrown.ts';
import { answerRefusal, connectionRefusal } from './failure.ts';
import { parseRange, type Series } from './matrix.ts';
import { memoryFigures } from './memory-figures.ts';
import { containersQuery, figuresQuery, workingSetQuery } from './query.ts';

/** Two queries about one container give a few hundred kilobytes; what is far beyond is not read. */
const longestAnswer = 16 * 1024 * 1024;

export type PrometheusConfig = {
  /** The Kubernetes cluster that it scrapes. */
  readonly name: string;
  /** `http://prometheus:9090`, or with a path in front of /api. */
  readonly url: string;
  readonly token?: string;
  readonly auth?: { readonly username: string; readonly password: string };
  /** File of the CA that signed its certificate. */
  readonly ca?: string;
  /** Added to every selector, where one Prometheus holds several clusters. */
  readonly labels: Readonly<Record<string, string>>;
  readonly requestTimeoutMs: number;
};

/** One Prometheus. Each question is one request with a deadline; what goes wrong is a Refusal. */
export type Prometheus = MemoryReader & {
  /** The series of a query over a range. */
  range(query: string, range: MemoryRange): Promise<readonly Series[]>;
  /** How many containers' working sets it knows now: none says that it scrapes no kubelet. */
  containers(now: Date): Promise<number>;
  close(): void;
};

/** Asks nothing yet. @throws Refusal where the CA's file cannot be read */
export async function connectPrometheus(config: PrometheusConfig): Promise<Prometheus> {
  const { name, url, token, auth, labels, requestTimeoutMs } = config;
  const base = new URL(url.endsWith('/') ? url : `${url}/`);
  const ca = config.ca === undefined ? undefined : await readCa(name, config.ca);
  const isSecure = base.protocol === 'https:';
  const agent = isSecure
    ? new https.Agent({ keepAlive: true, maxSockets: 4, ...(ca === undefined ? {} : { ca }) })
    : new http.Agent({ keepAlive: true, maxSockets: 4 });
  const credentials =
    token !== undefined
      ? `Bearer ${token}`
      : auth !== undefined
        ? `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`
        : undefined;
  const asked = { name, address: base.origin };

  async function range(query: string, { fromMs, toMs, stepMs }: MemoryRange): Promise<readonly Series[]> {
    const address = new URL('api/v1/query_range', base);
    address.username = '';
    address.password = '';
    address.search = String(
      new URLSearchParams({
        query,
        start: String(fromMs / 1000),
        end: String(toMs / 1000),
        step: String(stepMs / 1000),
      }),
    );
    const headers = {
      accept: 'application/json',
      ...(credentials === undefined ? {} : { authorization: credentials }),
    };
    const answer = await get(address, { agent, headers, signal: AbortSignal.timeout(requestTimeoutMs) }).catch(
      (error: unknown) => {
        throw connectionRefusal(asked, error, requestTimeoutMs);
      },
    );
    const parsed = parseRange(answer.text);
    if (answer.status === 200 && parsed?.kind === 'series') return parsed.series;
    throw answerRefusal(asked, answer.status, parsed?.kind === 'error' ? parsed.said : undefined);
  }

  return {
    range,
    async memory(target, wanted, known) {
      const [workingSet, figures] = await Promise.all([
        range(workingSetQuery(target, wanted.stepMs, labels), wanted),
        range(figuresQuery(target, labels), wanted),
      ]);
      return memoryFigures([...workingSet, ...figures], target, wanted, known);
    },
    async containers(now) {
      const atMs = now.getTime();
      const series = await range(containersQuery(labels), { fromMs: atMs, toMs: atMs, stepMs: 60_000 });
      return series[0]?.samples.at(-1)?.[1] ?? 0;
    },
    close: () => agent.destroy(),
  };
}

async function readCa(name: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Refusal(
      `The CA of the Prometheus of ${name} cannot be read: ${messageOf(error)}.`,
      `Correct prometheus.${name}.tls.ca.`,
    );
  }
}

function get(url: URL, options: https.RequestOptions): Promise<{ status: number; text: string }> {
  const client = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const request = client.get(url, options, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > longestAnswer) request.destroy(new Error('the answer is too long'));
        else chunks.push(chunk);
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}
