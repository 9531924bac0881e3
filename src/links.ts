import type { Config } from './config.ts';
import type { Report } from './report/report.ts';

/** How far back a dashboard link goes from the moment of the report. */
const rangeMs = 60 * 60_000;

/** The config's links for a report, their places filled in: `{cause}`, `{cluster}`, `{fromMs}`, `{toMs}`. A runbook needs a cause. */
export function linksFor(report: Report, cluster: string, links: Config['links']): { title: string; url: string }[] {
  const toMs = Date.parse(report.asOf);
  const values: Record<string, string> = {
    cause: report.cause ?? '',
    cluster,
    fromMs: String(toMs - rangeMs),
    toMs: String(toMs),
  };
  const fill = (template: string) =>
    template.replace(/\{([a-zA-Z]+)\}/g, (written, name: string) =>
      values[name] === undefined ? written : encodeURIComponent(values[name]),
    );
  return [
    ...(links.runbook !== undefined && report.cause !== undefined
      ? [{ title: 'Runbook', url: fill(links.runbook) }]
      : []),
    ...(links.dashboard !== undefined && cluster !== '' ? [{ title: 'Dashboard', url: fill(links.dashboard) }] : []),
  ];
}
