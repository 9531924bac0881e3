import type { EtcdTestCluster } from '../test/support/etcd.ts';
import { overwriteUntilRefused } from '../test/support/etcd-fill.ts';
import type { MachineState } from '../test/support/slack/machines.ts';
import type { PreparedMachine } from './machines.ts';

/** Small enough to be filled while one looks on. */
export const demoQuotaBytes = 32 * 1024 ** 2;

/** How often it is looked whether a full store takes writes again. */
const lookEveryMs = 2000;

/** The store of the demo's cluster: one button fills it, as a client that writes one key over and over would. */
export function prepareStore(etcd: EtcdTestCluster): PreparedMachine {
  let state: MachineState = { mood: 'on', text: 'takes writes' };
  let looking: NodeJS.Timeout | undefined;
  const look = async () => {
    const { stdout, exitCode } = await etcd.etcdctl(['alarm', 'list']);
    if (exitCode !== 0 || stdout.includes('NOSPACE')) return;
    clearInterval(looking);
    state = { mood: 'on', text: 'takes writes again' };
  };
  return {
    name: 'store',
    about: 'quota 32 MiB',
    acts: [
      {
        id: 'fill',
        title: 'Fill the store',
        hint: 'Writes one key over and over until etcd refuses: NOSPACE',
        async run() {
          const refusal = await overwriteUntilRefused(etcd);
          state = { mood: 'bad', text: 'full', says: refusal.replace(/^\w+: /, '') };
          clearInterval(looking);
          looking = setInterval(() => void look(), lookEveryMs);
          looking.unref();
        },
      },
      {
        id: 'recover',
        title: 'Ask to recover it …',
        hint: 'Puts the command into the message box, to be sent by Ann',
        puts: '/etcd recover-space',
      },
    ],
    state: () => state,
    stop: async () => clearInterval(looking),
  };
}
