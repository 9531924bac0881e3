import { formatBytes } from '../../report/text.ts';
import type { ListedMember } from '../member-reference.ts';
import { defaultQuotaBytes } from '../view.ts';
import { podOf, type StaticPodsSeen } from './static-pods.ts';

/** How a quota is known: from the member itself (3.6, or its metrics), the bot's configuration, its static pod, or not at all. */
export type QuotaSource = 'told' | 'configured' | 'static pod' | 'assumed';

export type Quota = {
  readonly bytes: number;
  readonly source: QuotaSource;
  /** Who says something else than what counts: `configured: 2 GiB`; '' where nobody does. */
  readonly contradiction: string;
};

/** The quota that counts for a member: what it says itself before what others say of it. */
export function quotaFor(member: ListedMember, configuredBytes: number | null, pods: StaticPodsSeen): Quota {
  const { status, metrics } = member;
  const sayings: readonly (readonly [QuotaSource, number | null | undefined])[] = [
    ['told', status?.quotaBytes ?? metrics?.quotaBytes],
    ['configured', configuredBytes],
    ['static pod', podOf(pods, member.member)?.quotaBytes],
  ];
  const said = sayings.flatMap(([source, bytes]) => (bytes == null ? [] : [{ source, bytes }]));
  const [first, ...others] = said;
  if (first === undefined) return { bytes: defaultQuotaBytes, source: 'assumed', contradiction: '' };
  return {
    ...first,
    contradiction: others
      .filter(({ bytes }) => bytes !== first.bytes)
      .map(({ source, bytes }) => `${source}: ${formatBytes(bytes)}`)
      .join(', '),
  };
}
