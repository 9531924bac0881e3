import { proposed } from './change.ts';
import { type ChangeRecord, changeDigest } from './change-record.ts';
import type { ChangeStore } from './changes.ts';
import type { Config } from './config.ts';
import { refusalReport } from './help.ts';
import type { Change, Context } from './job.ts';
import { redact } from './redact.ts';
import { Refusal } from './refusal.ts';
import { proposalReport } from './report/proposal.ts';
import type { Report } from './report/report.ts';
import { type AskTicket, changeIdOf } from './ticket.ts';

export type ProposingParts = {
  readonly config: Config;
  readonly store: ChangeStore;
  /** Whether Redis keeps records over a restart; undefined where it does not tell. */
  persists(): Promise<boolean | undefined>;
};

/** What came of asking for a change: something to approve, or a report of why not. */
export type Proposed =
  | { readonly kind: 'waits'; readonly record: ChangeRecord }
  | { readonly kind: 'ended'; readonly report: Report };

/**
 * From a ticket that asks for a change to a record that waits for a yes.
 * @throws Refusal where the change may not be asked for, or there is nothing to propose
 */
export async function proposeChange(
  ticket: AskTicket,
  job: Change,
  context: Context,
  parts: ProposingParts,
): Promise<Proposed> {
  const { config, store, persists } = parts;
  const { approvals, approvers } = config.access;
  const command = `/${ticket.command}`;
  try {
    if (approvers.length === 0)
      throw new Refusal(
        'Nobody may approve changes here, so none can be asked for.',
        'Whoever keeps quorum.yaml can add people or user groups to access.approvers.',
      );
    if (!config.changes.allowWithoutPersistence && (await persists()) !== true)
      throw new Refusal(
        'Changes are refused: this Redis does not keep its data over a restart, and an approval could be forgotten halfway.',
        'Set `appendonly yes` in Redis, or changes.allowWithoutPersistence in quorum.yaml.',
      );
    const proposal = await job.propose(ticket.input, context);
    if (ticket.incident !== undefined && (proposal.approvers ?? 1) > 1)
      throw new Refusal(
        `This needs ${proposal.approvers} approvers: nobody begins it alone.`,
        'Ask without --break-glass, or without what makes it need them.',
      );
    if (ticket.incident !== undefined && proposal.notAlone !== undefined)
      throw new Refusal(proposal.notAlone, 'Ask without --break-glass; a second person then approves it.');
    const digest = changeDigest(job, ticket.input, proposal);
    const at = context.now().getTime();
    if (proposal.checks.some(({ status }) => status === 'blocking')) {
      await store.note(
        noteOf(ticket, 'blocked at the checks', context, {
          digest,
          plan: proposal.plan,
          checks: proposal.checks.map((check) => ({ ...check })),
        }),
      );
      return {
        kind: 'ended',
        report: proposalReport(
          command,
          proposal,
          digest,
          'It cannot be approved as long as a check stands in the way.',
          context.now(),
        ),
      };
    }
    const transition = proposed(
      job,
      ticket.input,
      proposal,
      {
        id: changeIdOf(ticket),
        line: redact(ticket.line),
        requester: ticket.requester.userId,
        place: {
          channelId: ticket.place.channelId,
          rootKey: `${ticket.id}-root`,
          ...(ticket.place.threadTs === undefined ? {} : { threadTs: ticket.place.threadTs }),
        },
        required: Math.max(approvals.required, proposal.approvers ?? 1),
        incident: ticket.incident,
        reason: ticket.reason,
        expiresInMs: approvals.expiresIn,
      },
      at,
    );
    return { kind: 'waits', record: await store.create(transition) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    await store.note(noteOf(ticket, 'refused', context, { why: error.message }));
    return { kind: 'ended', report: refusalReport(error, { command }, context.now()) };
  }
}

function noteOf(
  { command, cluster, line, requester }: AskTicket,
  action: string,
  context: Context,
  details: Parameters<ChangeStore['note']>[0]['details'],
) {
  return {
    at: context.now().toISOString(),
    actor: requester.userId,
    action,
    cluster,
    changeId: '',
    details: { command, line: redact(line), ...details },
  };
}
