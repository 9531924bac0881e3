import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type PreparedMachine, prepareMachines } from '../../demo/machines.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { waitFor } from '../support/process.ts';

let etcd: EtcdTestCluster;
let fourth: PreparedMachine;
let fifth: PreparedMachine;

beforeAll(async () => {
  etcd = await startEtcd({ members: 1, own: true, peerCertificates: 'shared' });
  const [first, second] = await prepareMachines(etcd);
  if (first === undefined || second === undefined) throw new Error('two machines are prepared');
  [fourth, fifth] = [first, second];
}, 30_000);

afterAll(async () => {
  await Promise.all([fourth, fifth].map((machine) => machine?.stop()));
  await etcd?.stop();
});

const presses = async (machine: PreparedMachine, id: string): Promise<void> => {
  const act = machine.acts.find((each) => each.id === id);
  if (act === undefined || !('run' in act)) throw new Error(`${machine.name} has no button ${id}`);
  await act.run();
};
const becomes = (machine: PreparedMachine, text: string) =>
  waitFor(text, () => machine.state().text === text && machine.state(), { timeoutMs: 15_000 });

test('a machine that is started before it was added ends, and says why', async () => {
  expect(fourth.state()).toEqual({ mood: 'off', text: 'not started' });
  await presses(fourth, 'start');
  expect(await becomes(fourth, 'ended; it had its own certificate')).toEqual({
    mood: 'bad',
    text: 'ended; it had its own certificate',
    says: 'discovery failed: error validating peerURLs …: member count is unequal',
  });
});

test('it shows its certificate as often as one likes, and gives the port up for etcd', async () => {
  await presses(fourth, 'show');
  await presses(fourth, 'show');
  expect(fourth.state()).toEqual({ mood: 'off', text: 'shows its certificate; not started' });
  await presses(fourth, 'start-wrong');
  expect((await becomes(fourth, 'ended; it had the members’ certificate')).says).toContain('member count is unequal');
});

test('the buttons offer the very commands that add the machines', async () => {
  const offered = [fourth, fifth].flatMap(({ acts }) => acts.flatMap((act) => ('puts' in act ? [act.puts] : [])));
  expect(offered.map((line) => line.replace(/:\d{5}/, ':2380'))).toEqual(
    fourth.about === '127.0.0.4'
      ? ['/etcd add etcd-4 https://127.0.0.4:2380 --spare 127.0.0.5', '/etcd add etcd-5 https://127.0.0.5:2380']
      : ['/etcd add etcd-4 https://localhost:2380', '/etcd add etcd-5 https://localhost:2380'],
  );
});
