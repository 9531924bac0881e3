import type { Proposal } from '../job.ts';
import { checksWorstFirst } from './change-blocks.ts';
import type { Finding, Report } from './report.ts';
import { count } from './text.ts';

/**
 * A proposal as a report: its checks and its plan. What a terminal and scripts get, and what people get where it may not be approved.
 * @param digest what an approval would be bound to
 * @param standing what happens next, or why nothing does
 */
export function proposalReport(
  command: string,
  proposal: Proposal,
  digest: string,
  standing: string,
  asOf: Date,
): Report {
  const checks = checksWorstFirst(proposal.checks);
  const blocking = checks.filter(({ status }) => status === 'blocking');
  const open = checks.filter(({ status }) => status === 'warning' || status === 'unknown');
  const summary =
    blocking.length > 0
      ? `Not possible now, for this check fails: ${blocking[0]?.name}. ${blocking[0]?.seen}`
      : `${proposal.words} (${count(open.length, 'check')} to look at)`;
  return {
    command,
    verdict: blocking.length > 0 ? 'findings' : 'ok',
    title: `Plan for ${proposal.target.name}`,
    summary,
    asOf: asOf.toISOString(),
    findings: checks
      .filter(({ status }) => status !== 'ok')
      .map(
        ({ name, status, seen, advice }): Finding => ({
          severity: status === 'blocking' ? 'critical' : status === 'warning' ? 'warning' : 'info',
          grade: status === 'unknown' ? 'unknown' : 'fact',
          claim: name,
          evidence: seen,
          advice,
        }),
      ),
    sections: [
      { kind: 'text', title: 'Plan', text: `${proposal.words}. ${standing}` },
      ...proposal.sections,
      {
        kind: 'table',
        more: true,
        title: 'Checks',
        columns: ['Check', 'Status', 'Seen'],
        rows: checks.map(({ name, status, seen }) => [name, status, seen]),
      },
    ],
    data: { checks: checks.map((check) => ({ ...check })), plan: proposal.plan, digest },
  };
}
