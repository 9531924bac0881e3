import { z } from 'zod';
import { look } from '../../src/job.ts';
import { findSnapshot, readCatalogue } from '../../src/snapshot/catalogue.ts';
import { reportVerified } from '../../src/snapshot/snapshot-report.ts';
import { requireKeeping } from '../../src/snapshot/taking.ts';
import { verifySnapshot } from '../../src/snapshot/verifying.ts';

/** Reads one snapshot again whole, as a restore would: decrypts it and checks what is in it. */
export const etcdSnapshotVerify = look({
  name: 'etcd snapshot verify',
  input: z.strictObject({ cluster: z.string(), snapshot: z.string() }),
  timeLimitMs: 2 * 3_600_000,
  async run({ cluster, snapshot }, context) {
    const keeping = requireKeeping(await context.clients.etcd(cluster));
    const facts = findSnapshot(await readCatalogue(keeping.storage), snapshot);
    const damage = await verifySnapshot(keeping, facts, context);
    return reportVerified(facts, keeping.storage.where, damage, context.now());
  },
});
