import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { Refusal } from '../refusal.ts';
import { messageOf } from '../thrown.ts';
import { drawChart } from './chart-client.ts';
import type { Report } from './report.ts';

/** Before anything is asked: what is there is not written over. @throws Refusal where the file cannot be a new picture */
export function demandChartFile(file: string, first: string): void {
  if (first === '-')
    throw new Refusal(
      '--chart draws one answer, and `quorum run -` gives many.',
      'Ask for one: quorum run "/oom why x" --chart x.png',
    );
  if (!file.toLowerCase().endsWith('.png'))
    throw new Refusal(`--chart writes PNG, and ${file} is called otherwise.`, 'Name a file that ends in .png.');
  if (existsSync(file)) throw new Refusal(`${file} is there already.`, 'Name a new file, or remove that one first.');
}

/** @throws Refusal where the answer has no picture, or the file cannot be written: the answer itself is printed by then */
export async function writeChart({ chart, command, verdict }: Report, file: string): Promise<void> {
  if (chart === undefined)
    throw new Refusal(
      verdict === 'refused'
        ? 'No picture: the command was refused.'
        : command.startsWith('/oom why')
          ? 'No picture: nothing is known of this container’s memory before now.'
          : `No picture: ${command.split(' --')[0]} has none.`,
      command.startsWith('/oom why')
        ? 'Name a Prometheus that scrapes the cluster: prometheus.<cluster>.url in quorum.yaml; with --recorded put its answer into prometheus.json.'
        : 'Pictures come with /oom why.',
    );
  const png = await drawChart(chart);
  await writeFile(file, png, { flag: 'wx' }).catch((error: unknown) => {
    throw new Refusal(`${file} cannot be written: ${messageOf(error)}.`, 'Name a new file in a folder that is there.');
  });
}
