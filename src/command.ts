import type { Config } from './config.ts';
import type { Job } from './job.ts';
import type { JsonObject } from './report/report.ts';

/** Who may ask: each role includes the ones before it. */
export type Role = 'viewer' | 'operator' | 'approver';

/** A flag, as `node:util` parseArgs takes it, and the words that help shows for it. */
export type Flag = {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** Its value is a file's text: a terminal reads the path that is typed. */
  readonly file?: 'text';
  /** In Slack its text comes by the form alone: what is typed is kept with the request. */
  readonly isNeverTyped?: true;
  /** The command cannot do without it: usage shows it without brackets. */
  readonly required?: true;
  /** What stands for the value in usage: `<quantity>`. */
  readonly value?: string;
  readonly help: string;
};

/** What was typed after `/<noun> <verb>`, taken apart by the one grammar. */
export type Words = {
  readonly positionals: readonly string[];
  /** Everything after a bare `--`, as it stands. */
  readonly rest: readonly string[];
  flag(name: string): string | undefined;
  flags(name: string): readonly string[];
  isSet(name: string): boolean;
};

/** A field of a form: its name is that of the word or flag that it stands for. */
export type FormField = {
  readonly name: string;
  readonly label: string;
  /** A multiline text is handed on as a file's would be: it stands in no line that is kept. */
  readonly kind: 'text' | 'file' | 'multiline';
  readonly isOptional?: true;
  /** An example of what to write. */
  readonly placeholder?: string;
  readonly hint?: string;
};

/** What is asked for where the command is typed alone in Slack: the same words, in a modal. */
export type Form = {
  /** Opened by this flag without a value, where the command typed alone has an answer of its own. */
  readonly flag?: string;
  readonly title: string;
  readonly fields: readonly FormField[];
  /** From the filled fields to the words that would be typed; files are handed on beside them, by the name of their flag. */
  words(values: Readonly<Record<string, string>>): readonly string[];
};

/** What people may ask, as data. Help, usage, the Slack manifest and the documentation are made from it. */
export type Command<Input extends JsonObject = JsonObject> = {
  /** `etcd health`: what is typed, and the path of the file. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Positionals as usage shows them: `<pod>`; empty where there are none. */
  readonly takes: string;
  /** What `takes` means: a sentence or two for `--help`. */
  readonly explains?: string;
  /** At least one line that works as it stands. */
  readonly examples: readonly string[];
  readonly allowed: Role;
  /** The kind of cluster that `--cluster`, the channel or the config must settle before the job is queued. */
  readonly cluster: 'etcd' | 'kubernetes' | 'none';
  /** `--cluster` and `--help` are added where they apply. */
  readonly flags: Readonly<Record<string, Flag>>;
  /** Whether it may be begun without a second person in an emergency, with `--break-glass <incident>`. */
  readonly breakGlass?: 'offered';
  readonly form?: Form;
  readonly job: Job<Input>;
  /**
   * From the words to the job's input. Pure. `cluster` is the settled name, '' where `cluster` is 'none'.
   * @param settings what the config says about changes
   * @throws Refusal with what is wrong; usage and an example are added by whoever shows it.
   */
  input(words: Words, cluster: string, settings: Config['changes']): Input;
};

/** Declares a command, with its input typed by its job. */
export function command<Input extends JsonObject>(definition: Command<Input>): Command<Input> {
  return definition;
}
