import { expire, reminded, told, wakeAgain } from './change.ts';
import { type ChangeRecord, isEnded } from './change-record.ts';
import type { ChangeStore } from './changes.ts';

export type SweepParts = {
  readonly store: ChangeStore;
  /** Whether the ticket of the record's present wake waits or runs. */
  isAwake(record: ChangeRecord): Promise<boolean>;
  wake(record: ChangeRecord): Promise<void>;
  /** Tells those who may approve that somebody waits; `which` makes each reminder one message. */
  remind(record: ChangeRecord, which: number): Promise<void>;
  /** When somebody else is asked, counted from the proposal. */
  readonly escalateAfterMs: readonly number[];
  now(): Date;
  fault(id: string, error: unknown): void;
};

/** How long before the end the last reminder comes. */
const lastCallMs = 3 * 60_000;
/** An end that no channel takes for this long is left to the audit and `/ops changes`. */
const tellWithinMs = 24 * 3_600_000;

/**
 * One round over all changes that are not finished: what expired is ended, whoever may approve is reminded, and each approved or running
 * change without a live ticket is woken, and each that has ended without its thread having been told: its ticket was lost with a Redis, a
 * worker, or the enqueue after the click.
 */
export async function sweep(parts: SweepParts): Promise<void> {
  const { store, isAwake, wake, remind, escalateAfterMs, now, fault } = parts;
  for (const record of await store.unfinished()) {
    try {
      const at = now().getTime();
      if (isEnded(record) && at - (record.endedAt ?? at) >= tellWithinMs) {
        fault(record.id, new Error('its end could be shown nowhere for a day'));
        await store.transition(record.id, (known) => told(known, at));
      } else if (expire(record, at) !== undefined) {
        await wake(await store.transition(record.id, (known) => expire(known, at)));
      } else if (record.alone !== undefined && record.state === 'proposed' && at >= record.alone.startsAt) {
        await wake(
          await store.transition(record.id, (known) => (known.wake === record.wake ? wakeAgain(known) : undefined)),
        );
      } else if (record.state === 'proposed') {
        if (record.reminders < remindersDue(record, escalateAfterMs, at)) {
          const after = await store.transition(record.id, (known) =>
            known.reminders < remindersDue(known, escalateAfterMs, at) ? reminded(known) : undefined,
          );
          await remind(after, after.reminders);
        }
        // A yes that is not the last one, or a message that could not be shown: the thread is brought up to date.
      } else if (!(await isAwake(record))) {
        await wake(
          await store.transition(record.id, (known) => (known.wake === record.wake ? wakeAgain(known) : undefined)),
        );
      }
    } catch (error) {
      // One record that cannot be handled must not keep the others from being woken.
      fault(record.id, error);
    }
  }
}

/** At half time, three minutes before the end, and whenever somebody else is to be asked. */
export function remindersDue(
  { createdAt, expiresAt }: ChangeRecord,
  escalateAfterMs: readonly number[],
  now: number,
): number {
  const half = createdAt + (expiresAt - createdAt) / 2;
  const last = expiresAt - lastCallMs;
  const escalations = escalateAfterMs.map((afterMs) => createdAt + afterMs).filter((at) => at < expiresAt);
  return [...new Set([half, ...(last > half ? [last] : []), ...escalations])].filter((at) => now >= at).length;
}
