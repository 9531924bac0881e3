import type { KubernetesApi } from '../test/support/kubernetes/api.ts';
import { type Fields, fieldsAt, type KubernetesObject, listAt, textAt } from '../test/support/kubernetes/object.ts';
import { node, workloadObjects } from '../test/support/kubernetes/workloads.ts';
import type { MachineState } from '../test/support/slack/machines.ts';
import type { PreparedMachine } from './machines.ts';

export const demoNamespace = 'pay';
const name = 'payments';

/** What the program writes at its start. */
const startLog =
  'Starting PaymentsApplication v2.3.0 with PID 1\nJVM: OpenJDK 64-Bit Server VM 25.181-b13, Java 1.8.0_181\nStarted PaymentsApplication in 9.8 seconds\n';

/**
 * A Java workload that runs until a button kills one of its pods, as its kernel would under load: JDK 8u181 without flags in 512 MiB. With a
 * heap that fits it is not killed any more.
 */
export function prepareWorkload(api: KubernetesApi): PreparedMachine {
  const now = Date.now();
  api.load([
    ...workloadObjects({
      namespace: demoNamespace,
      name,
      ready: 2,
      container: { image: 'openjdk:8u181-jre', command: ['java', '-jar', '/app/payments.jar'], env: [] },
    }).map((object) => aged(object, now)),
    { ...node, status: { ...fieldsAt(node, 'status'), capacity: { cpu: '4', memory: '8155000Ki' } } },
  ]);
  return {
    name,
    about: `${demoNamespace}, 512 MiB`,
    acts: [
      {
        id: 'kill',
        title: 'Kill a pod',
        hint: 'A pod grows to its memory limit and is OOM-killed; without a flag for its heap nothing keeps it from that',
        run: async () => kill(api),
      },
    ],
    state: () => stateOf(api),
    stop: async () => undefined,
  };
}

/** Rolled out two days ago, and running since. */
function aged(object: KubernetesObject, now: number): KubernetesObject {
  const metadata = { ...object.metadata, creationTimestamp: time(now - 2 * dayMs) };
  const status = fieldsAt(object, 'status');
  if (object.kind === 'ReplicaSet')
    return { ...object, metadata, status: { ...status, readyReplicas: status.replicas } };
  if (object.kind !== 'Pod') return { ...object, metadata };
  const containerStatuses = listAt(object, 'status', 'containerStatuses').map((each) => ({
    ...fieldsAt(each),
    state: { running: { startedAt: time(now - 2 * dayMs + 20_000) } },
  }));
  return { ...object, metadata, status: { ...status, startTime: time(now - 2 * dayMs), containerStatuses } };
}

const dayMs = 86_400_000;
const time = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;

const hasHeapFlag = (template: Fields) => /-Xmx|MaxRAMPercentage|MaxRAMFraction/.test(JSON.stringify(template));

const podsIn = (api: KubernetesApi) =>
  api.all('Pod', demoNamespace).filter(({ metadata }) => metadata.labels?.app === name);
const templateIn = (api: KubernetesApi) => fieldsAt(api.get('Deployment', demoNamespace, name), 'spec', 'template');

/** The pod that died least often is OOM-killed now, and runs again. @throws Error where its heap fits */
function kill(api: KubernetesApi): void {
  if (hasHeapFlag(templateIn(api)))
    throw new Error('It has a heap that fits: it throws OutOfMemoryError, and is not killed.');
  const [pod] = podsIn(api).sort((a, b) => restartsOf(a) - restartsOf(b));
  if (pod === undefined) throw new Error('It has no pods now.');
  const now = Date.now();
  const container = fieldsAt(listAt(pod, 'status', 'containerStatuses')[0]);
  const restartCount = restartsOf(pod) + 1;
  const terminated = {
    reason: 'OOMKilled',
    exitCode: 137,
    startedAt: textAt(container, 'state', 'running', 'startedAt') || time(now - 600_000),
    finishedAt: time(now),
    containerID: `docker://${pod.metadata.name}-${restartCount}`,
  };
  api.setLog(demoNamespace, pod.metadata.name, 'app', startLog, { previous: true });
  api.load([
    {
      ...pod,
      status: {
        ...fieldsAt(pod, 'status'),
        containerStatuses: [
          {
            ...container,
            restartCount,
            state: { running: { startedAt: time(now + 1000) } },
            lastState: { terminated },
          },
        ],
      },
    },
  ]);
}

function restartsOf(pod: KubernetesObject): number {
  return Number(fieldsAt(listAt(pod, 'status', 'containerStatuses')[0]).restartCount ?? 0);
}

function stateOf(api: KubernetesApi): MachineState {
  const kills = podsIn(api).reduce((sum, pod) => sum + restartsOf(pod), 0);
  if (hasHeapFlag(templateIn(api))) return { mood: 'on', text: 'runs, with a heap that fits' };
  return kills === 0
    ? { mood: 'on', text: '2 pods run' }
    : { mood: 'bad', text: `${kills === 1 ? 'one kill' : `${kills} kills`}; its heap may outgrow its limit` };
}
