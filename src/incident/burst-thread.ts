import { renderThread, type Thread } from '../report/blocks.ts';
import type { Report } from '../report/report.ts';
import { count, grouped, listed, roughly, shortened } from '../report/text.ts';
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
  const [only, ...more] = children;
  if (only !== undefined && more.length === 0) {
    const note = only.recent.at(-1)?.note;
    const often = only.count > 1 ? ` (${only.count} times)` : '';
    return `One more: ${only.title}${note === undefined ? '' : `: ${note}`}${often}${only.state === 'open' ? '' : '; over'}`;
  }
  const open = children.filter(({ state }) => state === 'open').length;
  const groups = children.filter(({ source }) => source === 'alert');
  const workloads = children.filter(({ source }) => source !== 'alert');
  const times = sumOf(workloads.map(timesOf));
  const what = listed([
    ...(workloads.length === 0
      ? []
      : [`${count(workloads.length, 'workload')} died, ${grouped(times)} ${times === 1 ? 'time' : 'times'} in all`]),
    ...(groups.length === 0
      ? []
      : [`${grouped(sumOf(groups.map(({ members }) => members.known)))} alerts in ${count(groups.length, 'group')}`]),
  ]);
  const shared = inCommon(children);
  const standing = open === 0 ? 'all over' : open === children.length ? '' : `${open} still on`;
  return `Many at once: ${[what, ...(shared === undefined ? [] : [shared]), ...(standing === '' ? [] : [standing])].join('; ')}`;
}

const timesOf = ({ count: times }: Incident) => times;
const sumOf = (amounts: readonly number[]) => amounts.reduce((sum, each) => sum + each, 0);

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
  const worst = [...children].sort((a, b) => b.members.on - a.members.on || b.count - a.count);
  const isAlerts = worst.every(({ source }) => source === 'alert');
  const rows = worst.slice(0, shownRows).map(isAlerts ? alertRow : deathRow);
  const others = worst.slice(shownRows).map(({ title }) => title);
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
        title: `${headingOf(worst.length, isAlerts)}${clusters.length === 0 ? '' : ` (${listed(clusters)})`}`,
        columns: isAlerts ? ['Alerts', 'On', 'Latest'] : ['What', 'Times', 'Node'],
        rows,
      },
      ...(others.length === 0 ? [] : [{ kind: 'text' as const, title: 'And', text: shortList(others, isAlerts) }]),
    ],
    ...(line === undefined || line === null ? {} : { copy: `/${line}` }),
    data: {},
  };
}

function headingOf(amount: number, isAlerts: boolean): string {
  if (amount > shownRows) return `The ${shownRows} ${isAlerts ? 'largest' : 'that died most'} of ${amount}`;
  return isAlerts ? 'Which, and how many are on' : 'Who, and how often';
}

function alertRow({ title, members: { on, known }, recent }: Incident): string[] {
  return [title, on === 0 ? 'over' : `${on} of ${known}`, shortened(recent.at(-1)?.note ?? '', 120)];
}

function deathRow({ title, count: times, state, recent, firstAt, lastAt }: Incident): string[] {
  return [
    title,
    `${times}${times > 2 ? `, every ${roughly((lastAt - firstAt) / (times - 1))}` : ''}`,
    state === 'open' ? (recent.at(-1)?.node ?? '') : 'over',
  ];
}

/** As many names as one block holds; how many more there are is said. */
function shortList(titles: readonly string[], isAlerts: boolean): string {
  const shown: string[] = [];
  let length = 0;
  for (const title of titles) {
    length += title.length + 2;
    if (length > 2400) break;
    shown.push(title);
  }
  const left = titles.length - shown.length;
  const all = isAlerts ? 'Alertmanager has them all' : '/oom list has all that were killed';
  return `${shown.join(', ')}${left === 0 ? '' : ` and ${grouped(left)} more: ${all}`}`;
}
