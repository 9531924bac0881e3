import type { Command, Form } from '../command.ts';
import type { JsonObject } from '../report/report.ts';
import { shortened } from '../report/text.ts';

/** What a form has to know again when it comes back. Slack hands it through. */
export type FormOrigin = {
  readonly command: string;
  readonly channelId: string;
  readonly threadTs?: string;
  readonly responseUrl?: string;
  /** The cluster, where it was typed. */
  readonly cluster?: string;
};

/** The most that Slack lets an input have. */
const longestInput = 3000;

export const formCallback = 'command-form';

/**
 * A command's form as a modal.
 * @param clusters the clusters to choose from; none where there is no choice
 * @param required fields that the config makes necessary, whatever the form says
 * Source of the limits: https://api.slack.com/surfaces/modals
 */
export function formView(
  command: Command,
  form: Form,
  clusters: readonly string[],
  required: readonly string[],
  origin: FormOrigin,
): JsonObject {
  const cluster =
    clusters.length < 2
      ? []
      : [
          {
            type: 'input',
            block_id: 'cluster',
            label: plainText('Cluster'),
            element: {
              type: 'static_select',
              action_id: 'cluster',
              options: clusters.map((name) => ({ text: plainText(name), value: name })),
            },
          },
        ];
  return {
    type: 'modal',
    callback_id: formCallback,
    private_metadata: JSON.stringify(origin),
    title: plainText(shortened(form.title, 24)),
    submit: plainText('Ask for it'),
    close: plainText('Back'),
    blocks: [
      {
        type: 'context',
        elements: [
          {
            type: 'plain_text',
            text: `${command.summary}.${command.job.kind === 'change' ? ' Nothing is changed before a second person approves.' : ''}`,
          },
        ],
      },
      ...cluster,
      ...form.fields.map(({ name, label, kind, isOptional, placeholder, hint }) => ({
        type: 'input',
        block_id: name,
        optional: isOptional === true && !required.includes(name),
        label: plainText(label),
        ...(hint === undefined ? {} : { hint: plainText(hint) }),
        element:
          kind === 'file'
            ? { type: 'file_input', action_id: name, max_files: 1 }
            : {
                type: 'plain_text_input',
                action_id: name,
                ...(kind === 'multiline' ? { multiline: true, max_length: longestInput } : {}),
                ...(placeholder === undefined ? {} : { placeholder: plainText(placeholder) }),
              },
      })),
    ],
  };
}

function plainText(text: string): JsonObject {
  return { type: 'plain_text', text };
}

/** What was filled in: texts by the names of their fields, and the ids of files by theirs. */
export type Filled = {
  readonly texts: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
};

/** Takes apart the state of a submitted view. Anything that is not as it was sent is left out: the command says what is missing. */
export function filledIn(values: unknown): Filled {
  const texts: Record<string, string> = {};
  const files: Record<string, string> = {};
  for (const [block, actions] of entriesOf(values))
    for (const [, element] of entriesOf(actions)) {
      const fields = Object.fromEntries(entriesOf(element));
      const chosen = Object.fromEntries(entriesOf(fields.selected_option)).value;
      const [file] = Array.isArray(fields.files) ? fields.files : [];
      const fileId = Object.fromEntries(entriesOf(file)).id;
      if (typeof fields.value === 'string' && fields.value.trim() !== '') texts[block] = fields.value.trim();
      else if (typeof chosen === 'string') texts[block] = chosen;
      else if (typeof fileId === 'string') files[block] = fileId;
    }
  return { texts, files };
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}
