import { redact, redactEnvironment } from '../redact.ts';
import { shortened } from '../report/text.ts';
import type { Alert, AlertGroup } from './alert.ts';
import { namespaceOf } from './look-for.ts';

/** Kept with each incident, of which there may be thousands. */
const longestDetails = 1500;
/** Slack takes no longer one behind a button. */
const longestUrl = 3000;

export type AlertLink = { readonly title: string; readonly url: string };

/** What a thread is called: the rule, where the group is of one rule, and what else its alerts share. */
export function titleOf({ labels }: Alert, group: AlertGroup): string {
  const { alertname, severity } = labels;
  const shared = Object.entries(group.labels)
    .filter(([name, value]) => name !== 'alertname' && name !== 'severity' && value !== '')
    .map(([, value]) => oneLine(value));
  const isOfOneRule = group.labels.alertname !== undefined || shared.length === 0;
  const name = alertname === undefined || alertname === '' ? 'Alert without a name' : alertname;
  const rule = severity === undefined || severity === '' ? name : `${name} (${severity})`;
  return shortened(redact([...(isOfOneRule ? [rule] : []), ...shared].join(', ')), 100);
}

/** One alert in one line: where, and what its rule says. */
export function noteOf({ labels, annotations }: Alert, group: AlertGroup): string {
  const said = oneLine(annotations.summary || annotations.description || annotations.message || '');
  const isNamed = group.labels.alertname !== undefined || Object.keys(group.labels).length === 0;
  const place = placeOf(labels);
  const parts = [
    ...(isNamed || labels.alertname === undefined ? [] : [labels.alertname]),
    ...(place === '' || said.includes(place) ? [] : [place]),
    ...(said === '' ? [] : [said]),
  ];
  return shortened(redact(parts.length === 0 ? 'it fires' : parts.join(': ')), 250);
}

/** One alert of a group by what tells it from the others. */
export function memberLabel(alert: Alert): string {
  const place = placeOf(alert.labels);
  return shortened(redact(place === '' ? (alert.labels.alertname ?? alert.fingerprint) : place), 100);
}

/** Labels, annotations and what else there is to say, for whoever opens the thread. */
export function detailsOf({ labels, annotations }: Alert, group: AlertGroup, remark: string | null): string {
  const said = Object.entries(annotations)
    .filter(([name]) => linkTitles[name] === undefined)
    .map(([name, value]) => `${name}: ${redactEnvironment(name, value.trim())}`);
  const named = Object.entries(labels).map(([name, value]) => `${name}=${redactEnvironment(name, oneLine(value))}`);
  const parts = [
    ...(remark === null ? [] : [remark]),
    ...said,
    named.length === 0 ? 'It has no labels.' : `Labels: ${named.join(', ')}`,
    ...(group.truncated === 0
      ? []
      : [`Alertmanager left out ${group.truncated} more of this group (max_alerts); its own page has them.`]),
  ];
  return shortened(redact(parts.join('\n')), longestDetails);
}

const linkTitles: Readonly<Record<string, string>> = {
  runbook_url: 'Runbook',
  runbook: 'Runbook',
  dashboard_url: 'Dashboard',
  dashboard: 'Dashboard',
};

/** Where to read on; addresses of the web alone, and none that holds a secret. */
export function linksOf({ annotations, generatorURL }: Alert, { externalURL }: AlertGroup): AlertLink[] {
  const candidates = [
    ...Object.entries(linkTitles).map(([name, title]) => ({ title, url: annotations[name] ?? '' })),
    { title: 'Expression', url: generatorURL },
    { title: 'Alertmanager', url: externalURL },
  ];
  const links: AlertLink[] = [];
  for (const { title, url } of candidates)
    if (isLink(url) && !links.some((known) => known.title === title || known.url === url)) links.push({ title, url });
  return links;
}

function isLink(url: string): boolean {
  if (!/^https?:\/\//i.test(url) || url.length > longestUrl || !URL.canParse(url)) return false;
  const { username, password } = new URL(url);
  return username === '' && password === '' && redact(url) === url;
}

function placeOf(labels: Alert['labels']): string {
  const namespace = namespaceOf(labels);
  const own = (name: string) => labels[`exported_${name}`] ?? labels[name];
  const name =
    own('deployment') ?? own('statefulset') ?? own('daemonset') ?? own('job_name') ?? own('pod') ?? own('instance');
  const whole = [...(namespace === null ? [] : [namespace]), ...(name === undefined ? [] : [name])].join('/');
  return oneLine(whole === '' ? (labels.node ?? labels.job ?? '') : whole);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
