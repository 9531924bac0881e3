import { formatDuration, listed } from '../../report/text.ts';
import type { Trouble } from '../trouble.ts';
import { inForce, longestRoundTripMs, type SettingsSeen, type SettingsSource } from './source.ts';

/** etcd does not start with an election timeout over this (embed/config.go, maxElectionMs). */
const longestElectionMs = 50_000;

/**
 * Heartbeat and election timeout against each other and against the round trip: etcd's tuning advice is a heartbeat of 0.5 to 1.5 round
 * trips and an election timeout of at least 10 (etcd.io, Tuning); below 5 heartbeats it does not start.
 */
export function timingTroubles({ sources, view }: SettingsSeen): Trouble[] {
  const roundTripMs = longestRoundTripMs(view);
  const groups = new Map<string, SettingsSource[]>();
  for (const source of sources) {
    const key = `${inForce(source, 'heartbeat-interval')} ${inForce(source, 'election-timeout')}`;
    groups.set(key, [...(groups.get(key) ?? []), source]);
  }
  return [...groups.values()].flatMap((group) => timersTroubles(group, roundTripMs));
}

function timersTroubles(group: readonly SettingsSource[], roundTripMs: number | null): Trouble[] {
  const [first] = group;
  if (first === undefined) return [];
  const heartbeatMs = Number(inForce(first, 'heartbeat-interval'));
  const electionMs = Number(inForce(first, 'election-timeout'));
  const who = group.map((source) => source.who);
  const evidence = `${listed(who)}: heartbeat ${heartbeatMs} ms, election timeout ${electionMs} ms${roundTripMs === null ? '' : `; longest mean round trip ${formatRoundTrip(roundTripMs)}`}`;
  const told = (trouble: Pick<Trouble, 'severity' | 'claim' | 'advice' | 'short'> & Partial<Trouble>): Trouble => ({
    grade: 'fact',
    evidence,
    who,
    ...trouble,
  });
  if (![heartbeatMs, electionMs].every((value) => Number.isInteger(value) && value > 0))
    return [
      told({
        severity: 'critical',
        claim: `The timers of ${listed(who)} are no whole milliseconds.`,
        advice: 'Write --heartbeat-interval and --election-timeout as plain numbers: 100 and 1000.',
        short: 'with timers that are no numbers',
      }),
    ];
  if (electionMs < 5 * heartbeatMs || electionMs > longestElectionMs)
    return [
      told({
        severity: 'critical',
        claim:
          electionMs > longestElectionMs
            ? `${listed(who)} will not start: an election timeout of ${electionMs} ms is over 50 s.`
            : `${listed(who)} will not start: the election timeout of ${electionMs} ms is under five heartbeats of ${heartbeatMs} ms.`,
        advice: `Set --election-timeout to ${Math.min(longestElectionMs, 10 * heartbeatMs)}: ten heartbeats, on every member alike.`,
        short: `unable to start: election timeout ${electionMs} ms`,
      }),
    ];
  if (roundTripMs === null) return [];
  const wantedHeartbeat = Math.max(100, Math.ceil(roundTripMs / 10) * 10);
  const wanted = `--heartbeat-interval=${wantedHeartbeat} --election-timeout=${Math.min(longestElectionMs, 10 * wantedHeartbeat)}`;
  if (electionMs < 10 * roundTripMs || heartbeatMs < 0.5 * roundTripMs)
    return [
      told({
        severity: 'warning',
        claim: `The timers of ${listed(who)} are short for a round trip of ${formatRoundTrip(roundTripMs)}: ${electionMs < 10 * roundTripMs ? 'the election timeout should be ten of them' : 'a heartbeat should be about one of them'}.`,
        impact:
          'Followers hold a leader for lost that is only far away: elections without need, and writes stand still in each.',
        advice: `Set ${wanted} on every member alike, one after the other, each when the last is healthy.`,
        short: `with timers too short for ${formatRoundTrip(roundTripMs)}`,
        cause: 'timers',
      }),
    ];
  if (electionMs > 5000 && electionMs > 50 * roundTripMs)
    return [
      told({
        severity: 'info',
        claim: `The timers of ${listed(who)} are long for a round trip of ${formatRoundTrip(roundTripMs)}: a leader that is lost is missed after ${formatDuration(electionMs)} and more.`,
        advice: `If that wait hurts, set ${wanted} on every member alike.`,
      }),
    ];
  return [];
}

function formatRoundTrip(ms: number): string {
  return `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`;
}
