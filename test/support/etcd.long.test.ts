import { expect, test } from '@jest/globals';
import { startEtcd } from './etcd.ts';
import { waitFor } from './process.ts';

// etcd refuses to add a member until all have been connected for 5 s (its HealthInterval), and no flag shortens that.
test('A spare member joins a running cluster as a learner', async () => {
  const cluster = await startEtcd({ own: true });
  try {
    const spare = await cluster.prepareSpare('etcd-4');
    await waitFor(
      'the permission to add a member',
      async () => {
        const added = await cluster.etcdctl(['member', 'add', 'etcd-4', '--learner', `--peer-urls=${spare.peerUrl}`]);
        return added.exitCode === 0;
      },
      { timeoutMs: 15_000, everyMs: 500 },
    );
    await spare.join([...cluster.members, spare]);
    await waitFor('the learner in the list', async () => {
      const { stdout } = await cluster.etcdctl(['member', 'list']);
      return /started, etcd-4, .*, true$/m.test(stdout);
    });
    expect(spare.isRunning()).toBe(true);
  } finally {
    await cluster.stop();
  }
}, 30_000);
