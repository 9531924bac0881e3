import { z } from 'zod';
import { look } from '../../src/job.ts';
import { findSnapshot, readCatalogue } from '../../src/snapshot/catalogue.ts';
import { drillSnapshot } from '../../src/snapshot/drill.ts';
import { requireKeeping } from '../../src/snapshot/taking.ts';

/** Restores a snapshot into a scratch member beside the worker and compares it, key by key. Touches no living cluster. */
export const etcdSnapshotDrill = look({
  name: 'etcd snapshot drill',
  input: z.strictObject({ cluster: z.string(), snapshot: z.string() }),
  timeLimitMs: 2 * 3_600_000,
  async run({ cluster, snapshot }, context) {
    const keeping = requireKeeping(await context.clients.etcd(cluster));
    const facts = findSnapshot(await readCatalogue(keeping.storage), snapshot);
    return await drillSnapshot(keeping, facts, keeping.openScratch, context);
  },
});
