import { z } from 'zod';
import { deskOf } from '../../src/desk.ts';
import { look } from '../../src/job.ts';
import { changeListReport } from '../../src/report/change-list.ts';

/** Changes that wait for a yes. */
export const opsApprovals = look({
  name: 'ops approvals',
  input: z.strictObject({}),
  async run(_, context) {
    const waiting = (await deskOf(context).open()).filter(({ state }) => state === 'proposed');
    return changeListReport('/ops approvals', 'open approvals', waiting, context.now());
  },
});
