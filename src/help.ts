import type { Command } from './command.ts';
import { flagsOf, nounOf, usageOf } from './grammar.ts';
import { redact } from './redact.ts';
import type { Refusal } from './refusal.ts';
import type { Report, Section } from './report/report.ts';
import { alignedTable, count } from './report/text.ts';

/** Help about one command, one noun or everything: the same data that the documentation is made from. */
export function helpReport(
  commands: readonly Command[],
  about: { noun?: string; command?: Command },
  asOf: Date,
  prefix = '',
): Report {
  if (about.command !== undefined) return commandHelp(about.command, asOf, prefix);
  const shown = commands.filter((command) => about.noun === undefined || nounOf(command) === about.noun);
  const nouns = [...new Set(shown.map(nounOf))];
  return {
    command: `/${prefix}${about.noun ?? ''}${about.noun === undefined ? 'help' : ' help'}`,
    verdict: 'ok',
    title: 'Help',
    summary: `${count(shown.length, 'command')}; more about one with \`/${prefix}${shown[0]?.name ?? 'help'} --help\``,
    asOf: asOf.toISOString(),
    findings: [],
    sections: nouns.map((noun) => ({
      kind: 'code',
      title: `/${prefix}${noun}`,
      text: alignedTable(
        ['', ''],
        shown
          .filter((command) => nounOf(command) === noun)
          .map((command) => [
            `/${prefix}${command.name}${command.takes === '' ? '' : ` ${command.takes}`}`,
            command.summary,
          ]),
      ).trimStart(),
    })),
    data: {
      commands: shown.map((command) => ({
        name: command.name,
        usage: usageOf(command, prefix),
        summary: command.summary,
      })),
    },
  };
}

function commandHelp(command: Command, asOf: Date, prefix: string): Report {
  return {
    command: `/${prefix}${command.name}`,
    verdict: 'ok',
    title: `Help: /${prefix}${command.name}`,
    summary: command.summary,
    asOf: asOf.toISOString(),
    findings: [],
    sections: usageSections(command, prefix),
    data: {
      name: command.name,
      usage: usageOf(command, prefix),
      examples: [...command.examples],
      allowed: command.allowed,
    },
  };
}

/** Usage, flags and examples of a command: what help shows and what a wrong argument gets. */
export function usageSections(command: Command, prefix = ''): Section[] {
  const flags = Object.entries(flagsOf(command)).map(([name, flag]) => [
    `${flag.short === undefined ? '    ' : `-${flag.short}, `}--${name}${flag.type === 'string' ? ` ${flag.value ?? '<value>'}` : ''}`,
    flag.help,
  ]);
  return [
    { kind: 'code', title: 'Usage', text: usageOf(command, prefix) },
    ...(command.explains === undefined ? [] : [{ kind: 'text', text: command.explains } as const]),
    { kind: 'code', title: 'Flags', text: alignedTable(['', ''], flags).replace(/^\n/, '') },
    {
      kind: 'code',
      title: command.examples.length === 1 ? 'Example' : 'Examples',
      text: command.examples.map((example) => withPrefix(example, prefix)).join('\n'),
    },
  ];
}

function withPrefix(example: string, prefix: string): string {
  return example.replace(/^\//, `/${prefix}`);
}

/** A refusal as the report that people and scripts get: what happened, what to do, what there is to choose from. */
export function refusalReport(
  refusal: Refusal,
  asked: { command: string; about?: Command | undefined },
  asOf: Date,
  prefix = '',
): Report {
  const { about } = asked;
  // A refusal quotes what was typed.
  const message = redact(refusal.message);
  return {
    command: redact(asked.command),
    verdict: 'refused',
    title: 'Not done',
    summary: message,
    asOf: asOf.toISOString(),
    findings: [{ severity: 'warning', grade: 'fact', claim: message, evidence: '', advice: redact(refusal.advice) }],
    sections: [
      ...(refusal.choices.length === 0
        ? []
        : [{ kind: 'code', title: 'There is', text: refusal.choices.join('\n') } as const]),
      ...(about === undefined
        ? []
        : [
            {
              kind: 'code',
              title: 'Usage',
              text: [
                usageOf(about, prefix),
                ...about.examples.slice(0, 1).map((example) => `for example: ${withPrefix(example, prefix)}`),
              ].join('\n'),
            } as const,
          ]),
    ],
    data: { choices: [...refusal.choices] },
  };
}
