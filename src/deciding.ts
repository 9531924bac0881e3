import { demandBreakGlass, demandRole, type Person, rolesOf } from './access.ts';
import { approve, cancel, deny } from './change.ts';
import type { ChangeRecord } from './change-record.ts';
import type { ChangeStore } from './changes.ts';
import type { Config } from './config.ts';
import { Refusal } from './refusal.ts';
import { shortened } from './report/text.ts';

/** What somebody did with a button of a change. The button carries its id and nothing else. */
export type Click = {
  readonly changeId: string;
  readonly kind: 'approve' | 'deny' | 'cancel';
  readonly userId: string;
  readonly reason?: string;
};

export type DecidingParts = {
  readonly config: Config;
  readonly store: ChangeStore;
  /** Who they are now: user groups are resolved when the click arrives. */
  person(userId: string): Promise<Person>;
  wake(record: ChangeRecord): Promise<void>;
  now(): Date;
  /** Told where the wake could not be queued: the sweep does it. */
  fault(id: string, error: unknown): void;
};

/**
 * One click, decided: by role, by what the record says, in one transition.
 * @throws Refusal for whoever may not, or comes too late; it is in the audit then
 */
export async function decide(click: Click, parts: DecidingParts): Promise<ChangeRecord> {
  const { config, store, person, wake, now, fault } = parts;
  const { access } = config;
  const { changeId, kind, userId } = click;
  let after: ChangeRecord;
  try {
    const who = await person(userId);
    const before = await store.read(changeId);
    if (before === undefined)
      throw new Refusal(
        'There is no such change: this button is none of mine.',
        '`/ops changes` lists those that there are.',
      );
    if (kind === 'cancel') demandMayCancel(who, before, access);
    else demandRole(who, 'approver', access);
    after = await store.transition(changeId, (record) => {
      const at = now().getTime();
      if (kind === 'approve')
        return approve(
          record,
          { userId, mayApproveOwn: access.approvals.allowSelfApproval },
          access.approvals.startWithin,
          at,
        );
      return kind === 'deny' ? deny(record, userId, click.reason, at) : cancel(record, userId, at);
    });
  } catch (error) {
    if (error instanceof Refusal)
      await store.note({
        at: now().toISOString(),
        actor: userId,
        action: `${kind} refused`,
        cluster: '',
        changeId: shortened(changeId, 100),
        details: { why: error.message },
      });
    throw error;
  }
  // Decided is decided: a queue that is away delays it until the sweep.
  await wake(after).catch((error: unknown) => fault(changeId, error));
  return after;
}

/** Whoever asked, and anybody who may ask for changes or approve them. */
function demandMayCancel(who: Person, record: ChangeRecord, access: Config['access']): void {
  if (who.isFullMember && who.id === record.requester) return;
  // Whoever may look may stop what nobody else has approved.
  if (record.alone !== undefined && rolesOf(who, access).length > 0) return;
  if (rolesOf(who, access).includes('approver')) return;
  demandRole(who, 'operator', access);
}

/**
 * Who asked and who approved must still be allowed to when it starts: somebody may have left, or lost the role, since their click.
 * @throws Refusal that names who is not
 */
export async function demandStanding(
  record: ChangeRecord,
  access: Config['access'],
  person: (userId: string) => Promise<Person>,
): Promise<void> {
  const approvers = record.decisions.filter(({ kind }) => kind === 'approved').map(({ userId }) => userId);
  const requester = await person(record.requester);
  demand('asked for', record.requester, () => {
    demandRole(requester, 'operator', access);
    if (record.alone !== undefined) demandBreakGlass(requester, access);
  });
  for (const userId of approvers) {
    const approver = await person(userId);
    demand('approved', userId, () => demandRole(approver, 'approver', access));
  }

  function demand(what: string, userId: string, check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new Refusal(`Whoever ${what} it (${userId}) may not do so any more.`, 'Ask for it again.');
    }
  }
}
