import { z } from 'zod';
import { deskOf } from '../../src/desk.ts';
import { look } from '../../src/job.ts';
import { listed } from '../../src/report/text.ts';

/** The roles of whoever asks, and why. */
export const opsWhoami = look({
  name: 'ops whoami',
  input: z.strictObject({}),
  async run(_, context) {
    const desk = deskOf(context);
    const roles = await desk.roles();
    return {
      command: '/ops whoami',
      verdict: 'ok',
      title: 'Who you are',
      summary: roles.length === 0 ? 'You have no role here.' : `You are ${listed(roles.map(({ role }) => role))}.`,
      asOf: context.now().toISOString(),
      findings: [],
      sections:
        roles.length === 0
          ? []
          : [
              {
                kind: 'table',
                title: 'Why',
                columns: ['Role', 'Because'],
                rows: roles.map(({ role, because }) => [role, because]),
              },
            ],
      data: { userId: desk.requester, roles: roles.map((each) => ({ ...each })) },
    };
  },
});
