import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { demoNamespace, prepareWorkload } from '../../demo/workload.ts';
import { type Conversation, startConversation } from '../support/conversation.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { runControllers } from '../support/kubernetes/controllers.ts';
import { makeFolder, removeFolder, waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

const patienceMs = 30_000;
jest.setTimeout(90_000);

let folder: string;
let redis: RedisServer;
let api: KubernetesApi;
let talk: Conversation;

beforeAll(async () => {
  folder = makeFolder('quorum-workload');
  [redis, api] = await Promise.all([startRedis({ appendonly: true, own: true }), startKubernetes()]);
  const kubeconfig = join(folder, 'kubeconfig');
  await api.writeKubeconfig(kubeconfig);
  talk = await startConversation({
    redisUrl: redis.url,
    prefix: redis.prefix,
    kubeconfigs: { prod: kubeconfig },
    people: { ann: 'U0ANN', bob: 'U0BOB' },
    access: { operators: ['U0ANN'], approvers: ['U0BOB'] },
    tellingTimes: { postEveryMs: 10, editEveryMs: 100 },
    configure: (config, channel) => ({
      ...config,
      kubernetes: {
        clusters: Object.fromEntries(
          Object.entries(config.kubernetes.clusters).map(([name, each]) => [name, { ...each, allowFixes: true }]),
        ),
      },
      watch: [{ channel, namespaces: [demoNamespace], labels: {}, annotations: {} }],
    }),
  });
});

afterAll(async () => {
  await talk?.stop();
  await Promise.all([redis?.stop(), api?.stop()]);
  removeFolder(folder);
});

/** The one thread of the channel, once it says this. */
async function thread(words: string): Promise<string> {
  return await waitFor(
    `“${words}” in the thread`,
    () => {
      const [root] = talk.slack.channel(talk.channel);
      const text = root === undefined ? '' : talk.slack.threadText(talk.channel, root.ts);
      return text.includes(words) ? text : undefined;
    },
    { timeoutMs: patienceMs },
  );
}

test('one button kills a pod: the thread tells why, Ann presses “Set these flags”, Bob approves, and it is not killed any more', async () => {
  const controllers = runControllers(api, { stepMs: 500 });
  const workload = prepareWorkload(api);
  const kill = workload.acts.find(({ id }) => id === 'kill');
  if (kill === undefined || !('run' in kill)) throw new Error('there is a button that kills a pod');
  const { slack, channel, ann, bob } = talk;
  try {
    await waitFor('the first list', () => talk.logged.some(({ event }) => event === 'pods listed'), {
      timeoutMs: patienceMs,
    });
    expect(workload.state()).toEqual({ mood: 'on', text: '2 pods run' });
    await kill.run();
    await kill.run();
    const told = await thread('How the flags were reckoned');
    expect(told).toContain('heap may grow to 1992 MiB in 512 MiB; set -Xmx292m');
    await thread('2nd time since');
    expect(workload.state()).toMatchObject({ mood: 'bad' });

    const [root] = slack.channel(channel);
    await slack.click(ann.id, channel, root?.ts ?? '', 'oom-fix');
    const proposal = await waitFor(
      'a proposal with its button, in the thread',
      () =>
        slack
          .thread(channel, root?.ts ?? '')
          .replies.find(({ blocks }) => JSON.stringify(blocks).includes('change-approve')),
      { timeoutMs: patienceMs },
    );
    await slack.click(bob.id, channel, proposal.ts, 'change-approve');
    const mended = await thread('Done: ');
    expect(mended).toContain('-Xmx292m');
    expect(slack.channel(channel)).toHaveLength(1);
    const after = await thread('pay/deploy/payments: mended, and watched. It was: pay/payments-6f2-p0: OOM-killed');
    expect(after).toContain('asked by @ann');
    expect(after).not.toContain('[Set these flags] [Silence 1 h]');
    expect(workload.state()).toEqual({ mood: 'on', text: 'runs, with a heap that fits' });
    await expect(kill.run()).rejects.toThrow('It has a heap that fits');
  } finally {
    controllers.stop();
  }
});
