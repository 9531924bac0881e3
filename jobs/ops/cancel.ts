import { z } from 'zod';
import { isEnded } from '../../src/change-record.ts';
import { deskOf } from '../../src/desk.ts';
import { look } from '../../src/job.ts';
import { changeData } from '../../src/report/change-list.ts';

/** Ends a change that has not begun, or asks one that runs to stop between two steps. Touches no cluster. */
export const opsCancel = look({
  name: 'ops cancel',
  input: z.strictObject({ id: z.string() }),
  async run({ id }, context) {
    const record = await deskOf(context).cancel(id);
    return {
      command: '/ops cancel',
      verdict: 'ok',
      title: `Cancel ${id}`,
      summary: isEnded(record)
        ? `Cancelled: ${record.words}. Nothing was changed.`
        : `Asked to stop: ${record.words}. It ends after the call that is under way.`,
      asOf: context.now().toISOString(),
      findings: [],
      sections: [],
      data: { change: changeData(record) },
    };
  },
});
