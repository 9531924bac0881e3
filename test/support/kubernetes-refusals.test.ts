import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type KubernetesApi, startKubernetes } from './kubernetes/api.ts';

type Refusal = {
  readonly user: 'admin' | 'nobody' | 'wrong';
  readonly method: string;
  readonly path: string;
  readonly code: number;
  /** The Status object it answered with, or its plain text. */
  readonly status?: unknown;
  readonly text?: string;
};

/** Requests and what a kube-apiserver v1.20.2 answered to them; its pod shop/bare has one container and was never restarted. */
const refusals: readonly Refusal[] = JSON.parse(
  readFileSync(new URL('../fixtures/kubernetes/refusals-1.20.2.json', import.meta.url), 'utf8'),
);

describe('the in-memory Kubernetes API refuses as a real one did', () => {
  let api: KubernetesApi;
  let tokens: Record<Refusal['user'], string>;

  beforeAll(async () => {
    const status = {
      phase: 'Running',
      containerStatuses: [{ name: 'app', restartCount: 0, state: { running: { startedAt: '2026-11-21T08:33:08Z' } } }],
    };
    const spec = { nodeName: 'node-a', containers: [{ name: 'app', image: 'sim/app:1.0' }] };
    api = await startKubernetes({
      objects: [{ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'shop', name: 'bare' }, spec, status }],
      users: [{ token: 'the-token-of-nobody', name: 'nobody', may: () => false }],
    });
    api.compact();
    tokens = { admin: api.token, nobody: 'the-token-of-nobody', wrong: 'no-token' };
  });
  afterAll(() => api.stop());

  test.each(refusals)('$user $method $path', async ({ user, method, path, code, status, text }) => {
    const headers = { authorization: `Bearer ${tokens[user]}`, accept: 'application/json' };
    const response = await fetch(api.url + path, { method, headers });
    const body = await response.text();
    expect(response.status).toBe(code);
    if (status === undefined) expect(body.trimEnd()).toBe(text);
    else expect(JSON.parse(body)).toEqual(status);
  });
});
