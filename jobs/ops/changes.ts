import { z } from 'zod';
import { deskOf } from '../../src/desk.ts';
import { look } from '../../src/job.ts';
import { changeListReport } from '../../src/report/change-list.ts';

/** As many as one message shows well. */
const shown = 20;

/** The latest changes, running ones and ended ones. */
export const opsChanges = look({
  name: 'ops changes',
  input: z.strictObject({}),
  async run(_, context) {
    return changeListReport('/ops changes', 'changes', await deskOf(context).recent(shown), context.now());
  },
});
