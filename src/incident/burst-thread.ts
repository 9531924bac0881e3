import { renderThread, type Thread } from '../report/blocks.ts';
import type { Report } from '../report/report.ts';
import { count, grouped, listed, roughly } from '../report/text.ts';
import { bold, context, emoji, escapedMarkup, message, plain, rich, section, span } from '../slack/block-kit.ts';
import { escaped, type Message } from '../slack/message.ts';
import type { Incident } from './incident.ts';
import { mentionWords, slackTime } from './incident-words.ts';

/** So many rows fit a phone and one message; all of them stand in the file. */
const shownRows = 20;
/** What so many of them share is called what they have in common. */
const commonShare = 0.6;

/** Many incidents of one channel, in one line. @param children at least one */
export function burstHeadline(children: readonly Incident[]): string {
  const times = children.reduce((sum, { count: each }) => sum + each, 0);
  const members = children.reduce((sum, { members: { known } }) => sum + known, 0);
  const open = children.filter(({ state }) => state === 'open').length;
  const isAlerts = children.every(({ source }) => source === 'alert');
  const what = isAlerts
    ? `${grouped(Math.max(members, times))} alerts in ${count(children.length, 'group')}`
    : `${count(children.length, 'workload')} died, ${grouped(times)} times in all`;
  const shared = inCommon(children);
  const standing = open === 0 ? 'all over' : open === children.length ? '' : `${open} still on`;
  return `Many at once: ${[what, ...(shared === undefined ? [] : [shared]), ...(standing === '' ? [] : [standing])].join('; ')}`;
}

/** What most of them share: the node that dies, the namespace of the rollout; undefined where there is no such thing. */
export function inCommon(children: readonly Incident[]): string | undefined {
  const places = children.flatMap(({ recent }) => recent.slice(-1));
  const node = mostCommon(places.map(({ node: each }) => each));
  if (node !== undefined && places.length > 1)
    return node.amount === places.length
      ? `all on node ${node.name}: look at that node first`
      : `${node.amount} of ${places.length} on node ${node.name}: look at that node first`;
  const namespace = mostCommon(places.map(({ namespace: each }) => each));
  if (namespace === undefined || namespace.amount < 2) return undefined;
  return `${namespace.amount === places.length ? 'all' : `${namespace.amount} of ${places.length}`} in namespace ${namespace.name}`;
}

function mostCommon(names: readonly (string | null)[]): { name: string; amount: number } | undefined {
  const amounts = new Map<string, number>();
  for (const name of names) if (name !== null) amounts.set(name, (amounts.get(name) ?? 0) + 1);
  const [most] = [...amounts].sort(([, a], [, b]) => b - a);
  return most !== undefined && most[1] >= names.length * commonShare ? { name: most[0], amount: most[1] } : undefined;
}

/** The thread that tells many at once. */
export function burstThread(burst: Incident, children: readonly Incident[], now: number): Thread {
  const report = burstReport(burst, children);
  const { root: _, ...replies } = renderThread(report, { line: 'many at once' }, undefined);
  return { root: burstRoot(burst, report.summary, children, now), ...replies };
}

function burstRoot(
  { mention, openedAt, lastAt }: Incident,
  said: string,
  children: readonly Incident[],
  now: number,
): Message {
  const isOver = children.every(({ state }) => state !== 'open');
  const mark = isOver ? 'large_green_circle' : 'rotating_light';
  const missed = children.reduce((sum, child) => sum + child.missed, 0);
  const below = context(
    [
      `since ${slackTime(openedAt, now)}, last ${slackTime(lastAt, now)}`,
      ...(missed === 0 ? [] : [`${missed} while nobody watched`]),
      ...(mention === null ? [] : [mentionWords(mention)]),
    ].join(' · '),
  );
  return message(
    `${mention === null ? '' : `${mentionWords(mention)} `}${escaped(said)}`,
    [rich([span([emoji(mark), plain(' '), bold(said)])]), below],
    [section(`:${mark}: *${escapedMarkup(said)}*`), below],
    'escaped',
  );
}

function burstReport({ lastAt }: Incident, children: readonly Incident[]): Report {
  const worst = [...children].sort((a, b) => b.count - a.count);
  const rows = worst.map(({ title, count: times, state, recent, firstAt, lastAt: last }) => [
    title,
    `${times}${times > 2 ? `, every ${roughly((last - firstAt) / (times - 1))}` : ''}`,
    state === 'open' ? (recent.at(-1)?.node ?? '') : 'over',
  ]);
  const line = worst.find(({ state, line: each }) => state === 'open' && each !== null)?.line ?? worst[0]?.line;
  const clusters = [...new Set(children.map(({ cluster }) => cluster).filter((name) => name !== ''))];
  return {
    command: 'many at once',
    verdict: 'findings',
    title: 'Many at once',
    summary: burstHeadline(children),
    asOf: new Date(lastAt).toISOString(),
    findings: [],
    sections: [
      {
        kind: 'table',
        title: `${rows.length > shownRows ? `The ${shownRows} that died most of ${rows.length}` : 'Who, and how often'}${
          clusters.length === 0 ? '' : ` (${listed(clusters)})`
        }`,
        columns: ['What', 'Times', 'Node'],
        rows: rows.slice(0, shownRows),
      },
      ...(rows.length > shownRows
        ? [
            {
              kind: 'text' as const,
              title: 'And',
              text: shortList(rows.slice(shownRows).map(([title = '']) => title)),
            },
          ]
        : []),
    ],
    ...(line === undefined || line === null ? {} : { copy: `/${line}` }),
    data: {},
  };
}

/** As many names as one block holds; how many more there are is said. */
function shortList(titles: readonly string[]): string {
  const shown: string[] = [];
  let length = 0;
  for (const title of titles) {
    length += title.length + 2;
    if (length > 2400) break;
    shown.push(title);
  }
  const left = titles.length - shown.length;
  return `${shown.join(', ')}${left === 0 ? '' : ` and ${grouped(left)} more: /oom list has all that were killed`}`;
}
