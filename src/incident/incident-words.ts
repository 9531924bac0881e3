import { count, ordinal, roughly } from '../report/text.ts';
import { escaped } from '../slack/message.ts';
import type { Incident } from './incident.ts';

/** A time of day in the reader's zone, with the date where it is another day than now. Slack's markup. */
export function slackTime(at: number, now: number): string {
  const isToday = Math.abs(now - at) < 12 * 3_600_000;
  const iso = new Date(at).toISOString();
  return `<!date^${Math.floor(at / 1000)}^${isToday ? '{time}' : '{date_short_pretty} {time}'}|${iso.slice(isToday ? 11 : 0, 16).replace('T', ' ')} UTC>`;
}

/** How often it happened: `7th time since 02:10, every 4 min`; for alerts how many are on. Slack's markup. */
export function timesWords(incident: Incident, now: number): string {
  const { count: times, firstAt, lastAt, members } = incident;
  if (members.known > 1) return `${members.on} of ${count(members.known, 'alert')} on since ${slackTime(firstAt, now)}`;
  if (times < 2) return slackTime(firstAt, now);
  const every = times > 2 && lastAt > firstAt ? `, every ${roughly((lastAt - firstAt) / (times - 1))}` : '';
  return `${ordinal(times)} time since ${slackTime(firstAt, now)}${every}, last ${slackTime(lastAt, now)}`;
}

/** What stands below the verdict: how often, since when, where, and what keeps it quiet. Slack's markup. */
export function standing(incident: Incident, now: number): string {
  const { missed, silenced, mended, state, movedFrom, cluster, mention, source, title, seen } = incident;
  const parts = [
    // The verdict is the look's, and names another thing.
    ...(source === 'alert' && seen !== null && state === 'open' ? [escaped(title)] : []),
    timesWords(incident, now),
    ...(mended != null && state === 'open' ? [`mended ${slackTime(mended.at, now)}, asked by <@${mended.by}>`] : []),
    ...(missed > 0 ? [`${missed === incident.count ? '' : `${missed} of them `}while nobody watched`] : []),
    ...(cluster === '' ? [] : [escaped(cluster)]),
    ...(silenced !== null && silenced.until > now && state === 'open'
      ? [`:no_bell: silenced until ${slackTime(silenced.until, now)} by <@${silenced.by}>`]
      : []),
    ...(movedFrom === null ? [] : [`here because <#${movedFrom}> takes no messages`]),
    ...(mention === null ? [] : [`calls ${mentionWords(mention)}`]),
  ];
  return parts.join(' · ');
}

/** Who is called, in Slack's markup. Source: https://api.slack.com/reference/surfaces/formatting#mentioning-groups */
export function mentionWords(mention: string): string {
  if (mention === 'here' || mention === 'channel') return `<!${mention}>`;
  return mention.startsWith('S') ? `<!subteam^${mention}>` : `<@${mention}>`;
}
