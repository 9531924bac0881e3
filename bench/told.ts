import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { dyingPod } from '../test/support/dying-pods.ts';
import { startKubernetes } from '../test/support/kubernetes/api.ts';
import { type Ground, startNode, writeConfig } from './ground.ts';
import { alternate, timeMs } from './rounds.ts';
import { type Row, row } from './row.ts';

const rounds = 4;
const perRound = 5;
/** The look that follows a first message is over by then. */
const restMs = 200;

/** From the moment at which the API tells that a pod was OOM-killed to the first message in the channel. */
export async function benchTold(ground: Ground): Promise<Row[]> {
  const { slack, person } = ground;
  const api = await startKubernetes();
  const channel = (name: string) =>
    slack.addChannel({ name: `${name}-${randomUUID().slice(0, 8)}`, members: [person], botIsMember: true }).id;
  const bare = channel('bare');
  // A channel a kill: the rest of a thread comes one message a second, and the next one would wait for it.
  const own = Array.from({ length: rounds * perRound + 2 }, (_, index) => ({
    namespace: `ours-${index}`,
    id: channel('told'),
  }));
  const kubeconfig = join(ground.folder, 'watched.kubeconfig');
  await api.writeKubeconfig(kubeconfig);
  const config = writeConfig(ground, 'told', 'http', {
    kubernetes: { clusters: { prod: { kubeconfig } } },
    watch: own.map(({ id, namespace }) => ({ channel: id, namespaces: [namespace] })),
    incidents: { burst: { incidents: 1000 } },
  });
  const worker = await startNode(ground, 'product', ['worker', '--config', config]);
  const watcher = await startNode(ground, 'bare-watch', [kubeconfig, slack.apiUrl, slack.botToken, bare]);
  let pods = 0;

  const died = async (namespace: string, where: string): Promise<number> => {
    pods += 1;
    const name = `app-${pods}`;
    const isTold = () => slack.channel(where).some(({ text }) => text.includes(name));
    return await timeMs(async () => {
      api.load([dyingPod({ namespace, name, ended: { at: new Date() } })]);
      await slack.waitFor(isTold, { what: `a message about ${name}`, timeoutMs: 10_000 });
    });
  };
  let channels = 0;
  const diedInOurs = async () => {
    const { namespace, id } = own[channels++ % own.length] ?? { namespace: '', id: '' };
    return await died(namespace, id);
  };
  const samples = async (once: () => Promise<number>, pauseMs: number) => {
    const times: number[] = [];
    for (let index = 0; index < perRound; index++) {
      times.push(await once());
      await wait(pauseMs);
    }
    return times;
  };
  try {
    await diedInOurs();
    await died('bare', bare);
    await wait(restMs);
    const measured = await alternate(
      rounds,
      () => samples(diedInOurs, restMs),
      () => samples(() => died('bare', bare), 20),
    );
    return [
      row(measured, {
        what: 'OOM kill in the API to first message',
        baselineIs: 'bare watch and one API call',
        aim: { kind: 'ours', atMost: 300 },
        note: 'the kill is known once in Redis before it is told; the look follows in the thread',
      }),
    ];
  } finally {
    await Promise.all([worker.stop(), watcher.stop()]);
    await api.stop();
  }
}
