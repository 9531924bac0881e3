import { z } from 'zod';
import { type AuditEntry, parseEntry } from '../../src/audit.ts';
import { deskOf } from '../../src/desk.ts';
import { look } from '../../src/job.ts';
import { count, shortened } from '../../src/report/text.ts';

/** As many as one answer shows; the newest. */
const shown = 50;

const input = z.strictObject({
  /** How far back, in milliseconds. */
  sinceMs: z.number().positive(),
  /** A Slack user id. */
  user: z.string().nullable(),
  cluster: z.string().nullable(),
});

/** What was asked, decided and done, newest first. */
export const opsAudit = look({
  name: 'ops audit',
  input,
  async run({ sinceMs, user, cluster }, context) {
    const from = context.now().getTime() - sinceMs;
    const found: AuditEntry[] = [];
    let broken = 0;
    for await (const page of deskOf(context).audit())
      for (const text of page) {
        const entry = parseEntry(text);
        if (entry === undefined) broken++;
        else if (
          Date.parse(entry.at) >= from &&
          (user === null || entry.actor === user) &&
          (cluster === null || entry.cluster === cluster)
        )
          found.push(entry);
      }
    const newest = found.slice(-shown).reverse();
    return {
      command: '/ops audit',
      verdict: broken > 0 ? 'findings' : 'ok',
      title: 'Audit',
      summary: `${count(found.length, 'entry', 'entries')}${found.length > shown ? `, the newest ${shown} shown` : ''}`,
      asOf: context.now().toISOString(),
      findings:
        broken === 0
          ? []
          : [
              {
                severity: 'critical',
                grade: 'fact',
                claim: `${count(broken, 'entry', 'entries')} of the audit cannot be read.`,
                evidence: '',
                advice: 'Run `quorum audit verify`: it tells which.',
              },
            ],
      sections:
        newest.length === 0
          ? []
          : [
              {
                kind: 'table',
                title: 'Newest first',
                columns: ['When', 'Who', 'What', 'About'],
                rows: newest.map(({ at, actor, action, cluster: where, changeId, details }) => [
                  at.slice(0, 19).replace('T', ' '),
                  actor,
                  action,
                  shortened(
                    [changeId, where, String(details.words ?? details.line ?? details.why ?? details.step ?? '')]
                      .filter((part) => part !== '')
                      .join(' '),
                    120,
                  ),
                ]),
              },
            ],
      data: { entries: newest.map((entry) => ({ ...entry })) },
    };
  },
});
