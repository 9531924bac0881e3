import { z } from 'zod';
import { reportAlarms } from '../../src/etcd/space/alarms-report.ts';
import { viewCluster } from '../../src/etcd/view.ts';
import { look } from '../../src/job.ts';

/** Which alarms are on. */
export const etcdAlarms = look({
  name: 'etcd alarms',
  input: z.strictObject({ cluster: z.string() }),
  async run({ cluster }, { clients, now, signal }) {
    return reportAlarms(viewCluster(await (await clients.etcd(cluster)).see(signal)), now());
  },
});
