import { oomHeap } from '../../commands/oom/heap.ts';
import { oomSize } from '../../commands/oom/size.ts';
import type { Command } from '../../src/command.ts';
import { emptyConfig } from '../../src/config.ts';
import { parseLine, parseWords } from '../../src/grammar.ts';
import type { Clients } from '../../src/job.ts';
import { Refusal } from '../../src/refusal.ts';
import type { Report } from '../../src/report/report.ts';

const commands: readonly Command[] = [oomHeap, oomSize];

const noClients: Clients = {
  etcd: async () => {
    throw new Error('asked a cluster');
  },
  kubernetes: async () => {
    throw new Error('asked a cluster');
  },
};

/** The answer to a line that needs no cluster, by way of the grammar, the command and the job's own schema. */
export async function answer(line: string): Promise<Report> {
  const asked = parseLine(commands, line);
  if (asked.kind !== 'command') throw new Error(`no command: ${line}`);
  const { command, args } = asked;
  const input = command.job.input.parse(
    JSON.parse(JSON.stringify(command.input(parseWords(command, args), '', emptyConfig().changes))),
  );
  if (command.job.kind !== 'look') throw new Error(`${line} asks for a change`);
  return await command.job.run(input, {
    clients: noClients,
    now: () => new Date('2026-01-01T00:00:00Z'),
    signal: new AbortController().signal,
    progress: () => {},
  });
}

/** The refusal of a line; throws where it was answered. */
export async function refusal(line: string): Promise<Refusal> {
  try {
    await answer(line);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error(`answered: ${line}`);
}
