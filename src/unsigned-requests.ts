import type { AuditNote } from './audit.ts';

/** Anybody who reaches the port can cause these: they must not fill the audit. */
const noteEveryMs = 60_000;

/**
 * Requests that Slack did not sign, or whose time is more than five minutes away: they did nothing. The first goes to the audit at once, those
 * of the minute after it as one entry with their number, when the next one comes after that minute.
 * @returns what is to be called for each
 */
export function createUnsignedRequests(
  note: (note: AuditNote) => Promise<void>,
  now: () => Date,
  fault: (id: string, error: unknown) => void,
): (from: string) => void {
  let since = 0;
  let last = Number.NEGATIVE_INFINITY;
  return (from) => {
    since++;
    const at = now();
    if (at.getTime() - last < noteEveryMs) return;
    last = at.getTime();
    const requests = since;
    since = 0;
    void note({
      at: at.toISOString(),
      actor: 'nobody',
      action: 'unsigned request refused',
      cluster: '',
      changeId: '',
      details: {
        from,
        requests,
        why: 'its signature was missing or wrong, or its time more than five minutes away',
      },
    }).catch((error: unknown) => fault('audit', error));
  };
}
