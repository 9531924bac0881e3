import type { Command, Words } from './command.ts';
import type { Config } from './config.ts';
import { parseLine, parseWords } from './grammar.ts';
import { helpReport, refusalReport } from './help.ts';
import { nearest } from './nearest.ts';
import { redact } from './redact.ts';
import { Refusal } from './refusal.ts';
import type { JsonObject, Report } from './report/report.ts';
import { shortened } from './report/text.ts';

/** What a line came to: either there is an answer already (help, a refusal), or a job to do. */
export type Taken =
  | { readonly kind: 'answered'; readonly report: Report }
  | {
      readonly kind: 'job';
      readonly command: Command;
      readonly cluster: string;
      readonly input: JsonObject;
      /** The incident for which it is begun without a second person. */
      readonly incident?: string;
      readonly reason?: string;
    }
  /** It was typed alone, and there is a form for it: for places that can show one. */
  | { readonly kind: 'form'; readonly command: Command; readonly cluster?: string };

/** Where a line was typed: what decides which cluster it means. */
export type Place = {
  /** The channel, where there is one. */
  readonly channelId?: string;
  /** The Kubernetes clusters that `--cluster` may name, in place of the config's: a recorded one in a terminal. */
  readonly clusters?: readonly string[];
  /** Why there is no usable config, for commands that need a cluster of it. */
  readonly configRefusal?: Refusal;
  /** The prefix of this workspace's commands. */
  readonly prefix?: string;
  /** Slack, where a modal can be opened. */
  readonly canShowForm?: true;
  /** Flags whose values were handed over beside the line: the files of a form. */
  readonly texts?: Readonly<Record<string, string>>;
  /** Reads the files that flags name; only in a terminal. @throws Refusal */
  readFile?(path: string): string;
};

/**
 * From a line to a job with its input, the same way for every command and every place: find, authorize, parse, settle the cluster.
 * @param authorize called with the command (and the incident, where they want to act alone) before its words are looked at further; throws a Refusal where the asker may not
 * @returns never throws a Refusal: it comes back as an answered report
 */
export async function take(
  line: string,
  commands: readonly Command[],
  config: Config,
  place: Place,
  now: Date,
  authorize: (command: Command, incident: string | undefined) => Promise<void>,
): Promise<Taken> {
  const prefix = place.prefix ?? '';
  let command: Command | undefined;
  try {
    const asked = parseLine(commands, line, prefix);
    if (asked.kind === 'help') return { kind: 'answered', report: helpReport(commands, asked, now, prefix) };
    command = asked.command;
    const wantsForm = place.canShowForm === true && isFormAsked(command, asked.args);
    const words = parseWords(command, wantsForm ? asked.args.slice(0, -1) : asked.args);
    if (words.isSet('help')) return { kind: 'answered', report: helpReport(commands, { command }, now, prefix) };
    const incident = words.flag('break-glass');
    await authorize(command, incident);
    if (wantsForm) {
      const named = words.flag('cluster');
      return { kind: 'form', command, ...(named === undefined ? {} : { cluster: named }) };
    }
    const reason = words.flag('reason');
    if (
      command.job.kind === 'change' &&
      config.changes.requireReason &&
      reason === undefined &&
      place.readFile === undefined
    )
      throw new Refusal('A change needs a reason here.', 'Say it with --reason "…".');
    const settled = clusterOrRefusal(command.cluster, words.flag('cluster'), config, place);
    // What is wrong with the words comes first: it is mended by typing, and the usage comes with it.
    const input = command.input(withTexts(words, command, place), settled.cluster, config.changes);
    if (settled.refusal !== undefined) throw settled.refusal;
    const { cluster } = settled;
    const parsed = command.job.input.safeParse(input);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new Refusal(
        `${issue?.path.join(' ') ?? 'The input'}: ${issue?.message ?? 'is not understood'}.`,
        'Look at the usage below.',
      );
    }
    return {
      kind: 'job',
      command,
      cluster,
      input: parsed.data,
      ...(incident === undefined ? {} : { incident }),
      ...(reason === undefined ? {} : { reason }),
    };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const asked = {
      command: command === undefined ? redact(shortened(line.trim(), 80)) : `/${prefix}${command.name}`,
      about: command,
    };
    return { kind: 'answered', report: refusalReport(error, asked, now, prefix) };
  }
}

/** Whether the line is the command alone, or ends with the flag that opens its form. */
function isFormAsked({ form }: Command, args: readonly string[]): boolean {
  if (form === undefined) return false;
  return form.flag === undefined ? args.length === 0 : args.at(-1) === `--${form.flag}`;
}

/** The words, with the text of a file in place of its path. */
function withTexts(words: Words, command: Command, place: Place): Words {
  return {
    ...words,
    flag(name) {
      const handed = place.texts?.[name];
      if (handed !== undefined) return handed;
      const typed = words.flag(name);
      if (typed !== undefined && command.flags[name]?.isNeverTyped === true && place.readFile === undefined)
        throw new Refusal(
          `A path in --${name} is read in a terminal only, from the machine where it is typed.`,
          `In Slack, end the line with --${name} alone: a form takes the text.`,
        );
      return typed !== undefined && command.flags[name]?.file === 'text' && place.readFile !== undefined
        ? place.readFile(typed)
        : typed;
    },
  };
}

/** The cluster, or why there is none. */
function clusterOrRefusal(
  kind: Command['cluster'],
  named: string | undefined,
  config: Config,
  place: Place,
): { readonly cluster: string; readonly refusal?: Refusal } {
  const isGiven = kind === 'none' || (kind === 'kubernetes' && place.clusters !== undefined);
  if (!isGiven && place.configRefusal !== undefined) return { cluster: '', refusal: place.configRefusal };
  try {
    return { cluster: settleCluster(kind, named, config, place) };
  } catch (error) {
    if (error instanceof Refusal) return { cluster: '', refusal: error };
    throw error;
  }
}

/**
 * Which cluster a command means: the one named; else the channel's; else the only one.
 * @throws Refusal that lists the clusters of the kind, with the nearest where a name was mistyped
 */
export function settleCluster(
  kind: Command['cluster'],
  named: string | undefined,
  config: Config,
  place: Place,
): string {
  if (kind === 'none') return '';
  const given = kind === 'kubernetes' ? place.clusters : undefined;
  const known = given ?? Object.keys(config[kind].clusters);
  const title = kind === 'etcd' ? 'etcd' : 'Kubernetes';
  if (known.length === 0)
    throw new Refusal(
      `No ${title} cluster is configured.`,
      `Add one under \`${kind}.clusters\` in quorum.yaml; docs/configuration.md has an example.`,
    );
  const wanted = named ?? (place.channelId === undefined ? undefined : config.channels[place.channelId]?.cluster);
  if (wanted !== undefined && known.includes(wanted)) return wanted;
  if (named !== undefined) {
    const near = nearest(named, known);
    throw new Refusal(
      `There is no ${title} cluster \`${shortened(redact(named), 60)}\`${near === undefined ? '.' : `; did you mean \`${near}\`?`}`,
      'Name one of these after --cluster.',
      known,
    );
  }
  const [only] = known;
  if (only !== undefined && known.length === 1) return only;
  throw new Refusal(
    `There are ${known.length} ${title} clusters, and none is this channel’s own.`,
    'Say which one with --cluster.',
    known,
  );
}
