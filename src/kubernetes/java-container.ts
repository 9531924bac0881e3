import type { JvmHint } from '../jvm/hint.ts';
import { wordsBeforeProgram } from '../jvm/launch.ts';
import { jvmVariables, openJ9Variables, scriptVariables } from '../jvm/variables.ts';
import { redact } from '../redact.ts';
import { type ContainerEnvironment, expandReferences } from './container-environment.ts';
import { looksLikeJavaLog, pickedUpVariables } from './java-log.ts';
import type { Container } from './objects.ts';
import { readShellLine } from './shell-words.ts';

/** How a container starts its JVM, as far as pod and log tell. */
export type JavaContainer = {
  /** Undefined: nothing says either way. */
  readonly isJava: boolean | undefined;
  /** What says so: a clause. */
  readonly why: string;
  /** The JVM's arguments on the command line, expanded. Not redacted: for arithmetic, never for display. */
  readonly args: readonly string[];
  /** Where the arguments are told: in the pod, or in the log by a script that prints what it runs. */
  readonly argsFrom: 'pod' | 'log';
  /** A buildpack reckoned the heap at the start and set it: a larger one that does not fit its sum keeps the JVM from starting. */
  readonly hasMemoryCalculator: boolean;
  /** The variables that a JVM reads by itself, the JVM's own word for them first. Not redacted. */
  readonly env: Readonly<Record<string, string>>;
  /** The variables that a JVM reads by itself and whose value stands elsewhere: name → where. */
  readonly elsewhere: Readonly<Record<string, string>>;
  /** What could not be seen and may hold flags: sentences, redacted. */
  readonly unknown: readonly string[];
  /** Where to see it, when it is the JVM's own variables that stand elsewhere: its first lines say what it picked up. */
  readonly isVariableUnseen: boolean;
  /** What is certain and worth saying: sentences, redacted. */
  readonly notes: readonly string[];
  /** A variable that the command hands on to java behind every other flag for the heap: what it holds wins. */
  readonly handedOn: string | undefined;
  /** What it was read from: what another value of a variable would do is read from the same. */
  readonly container: Container | undefined;
  readonly environment: ContainerEnvironment;
};

/** Flags that decide how large the heap may become. */
export const heapSizeFlag = /^-(?:Xmx|XX:(?:MaxHeapSize|MaxRAMPercentage|MaxRAMFraction|MaxRAM)=)/;

const javaImage =
  /(?:^|[/_.:-])(?:open)?(?:java|jdk|jre|openjdk|temurin|corretto|amazoncorretto|zulu|liberica|semeru|graalvm|sapmachine|dragonwell|adoptopenjdk|tomcat|jetty|wildfly|jboss|quarkus|spring|keycloak|kafka|cassandra|elasticsearch|logstash|solr|zookeeper|jenkins|sonarqube|activemq|hadoop|spark|flink|trino|presto|nexus3?)(?:\d[\w.]*)?(?:$|[/_.:@-])/i;
const otherImage =
  /(?:^|\/)(?:nginx|httpd|redis|valkey|memcached|postgres|mysql|mariadb|mongo|rabbitmq|busybox|alpine|debian|ubuntu|golang|node|python|ruby|php|perl|rust|haproxy|traefik|envoy|proxyv2|pilot|pause|coredns|etcd|prometheus|grafana|fluent-bit|fluentd|vault|consul|caddy|dotnet|aspnet)(?::|@|$)/i;
const otherProgram =
  /^(?:nginx|httpd|apache2|redis-server|valkey-server|memcached|postgres|mysqld|mongod|node|nodejs|npm|yarn|python[\d.]*|gunicorn|uvicorn|celery|ruby|bundle|puma|php|php-fpm|perl|dotnet|beam\.smp|envoy|haproxy|sleep|tail)$/;
const shells: ReadonlySet<string> = new Set(['sh', 'bash', 'ash', 'dash', 'ksh', 'zsh']);
const wrappers: ReadonlySet<string> = new Set([
  'exec',
  'tini',
  'dumb-init',
  'catatonit',
  'nice',
  'gosu',
  'su-exec',
  'setpriv',
  'env',
  'nohup',
  'time',
  'sudo',
  'numactl',
  'chpst',
]);

/** Decides whether a container runs a JVM and finds the arguments it was started with. */
export function readJavaContainer(
  container: Container | undefined,
  environment: ContainerEnvironment,
  log: string,
  hint?: JvmHint,
): JavaContainer {
  const { variables, elsewhere, poured } = environment;
  const words = [...(container?.command ?? []), ...(container?.args ?? [])].map((word) =>
    expandReferences(word, variables),
  );
  const hasCommand = (container?.command.length ?? 0) > 0;
  const line = commandLine(words, variables, new Set(Object.keys(elsewhere)));
  const own = line.commands.map(jvmArguments).find((args) => args !== undefined);
  const logged = own === undefined ? loggedArguments(log) : undefined;
  const java = own ?? logged;
  const pickedUp = pickedUpVariables(log);
  const env = Object.fromEntries(
    [...jvmVariables, ...openJ9Variables].flatMap((name) => {
      const value = pickedUp[name] ?? variables[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const { isJava, why } = verdict({
    container,
    variables,
    commands: line.commands,
    runsJava: java !== undefined,
    log,
    hint,
  });

  const unknown: string[] = [];
  const notes: string[] = [];
  const hasMemoryCalculator = /^Calculated JVM Memory Configuration: /m.test(log);
  let args = java ?? [];
  const startsWithFlags = !hasCommand && /^-(?:X|D|jar|cp|server|ea)/.test(words[0] ?? '');
  if (java === undefined && startsWithFlags) {
    args = wordsBeforeProgram(words);
    unknown.push('The image starts the program; its args look like flags for java and are taken so.');
  } else if (java === undefined && isJava !== false && !hasMemoryCalculator) {
    unknown.push(
      hasCommand
        ? 'The command is a script: flags that it gives to java itself cannot be seen.'
        : 'The image starts java: flags in its own entrypoint cannot be seen.',
    );
  }
  if (own !== undefined && !hasCommand)
    unknown.push('The image’s own entrypoint starts before java: flags that it adds cannot be seen.');
  const used = variablesUsed(container);
  const { origins } = environment;
  for (const name of [...jvmVariables, ...used])
    if (origins[name] !== undefined && pickedUp[name] === undefined)
      notes.push(`${name} was read from ${origins[name]}, as it is now; the container took it as it started.`);
  const unseen = jvmVariables.filter((name) => elsewhere[name] !== undefined && pickedUp[name] === undefined);
  for (const name of unseen) unknown.push(`${name} comes from ${elsewhere[name]}, which is not read.`);
  // Where the pod's own command is java no script stands between that would pass a variable on.
  const startsJava = own !== undefined && hasCommand;
  for (const name of scriptVariables)
    if (logged !== undefined) break;
    else if (variables[name] !== undefined && !used.includes(name)) {
      const set = `${name} is set to “${redact(variables[name])}”; the JVM does not read it`;
      if (startsJava) notes.push(`${set}, and the command does not pass it on.`);
      else unknown.push(`${set}, it only counts if a script in the image passes it on.`);
    } else if (elsewhere[name] !== undefined && (!startsJava || used.includes(name)))
      unknown.push(`${name} comes from ${elsewhere[name]}, which is not read.`);
  for (const file of args.filter((word) => /^@[^@]/.test(word)))
    unknown.push(`The command reads ${redact(file)}, which lies in the image: flags in it cannot be seen.`);
  const buildpack = Object.keys(variables).filter((name) => /^BPL_J/.test(name));
  const isReckonedAtStart = buildpack.length > 0 && isJava !== false && pickedUp.JAVA_TOOL_OPTIONS === undefined;
  if (isReckonedAtStart)
    unknown.push(
      `${buildpack[0]} is a buildpack’s: its helper reckons -Xmx as the container starts, and puts it into JAVA_TOOL_OPTIONS.`,
    );
  const isPouredUnseen = poured.length > 0 && isJava !== false && !tellsOfItsVariables(log, pickedUp);
  if (isPouredUnseen)
    unknown.push(
      `Variables also come from ${poured.join(', ')}, which ${poured.length === 1 ? 'is' : 'are'} not read.`,
    );
  for (const name of used.filter(mayHoldOptions))
    if (variables[name] === undefined && elsewhere[name] === undefined)
      unknown.push(`The command uses $${name}, which the pod does not set; the image may.`);
  for (const piece of line.unknown) unknown.push(`The command uses ${redact(piece)}, whose value is not known here.`);
  const ofJvm = jvmVariables.flatMap((name) => (elsewhere[name] === undefined ? [] : [[name, elsewhere[name]]]));
  return {
    isJava,
    why,
    args,
    argsFrom: logged === undefined ? 'pod' : 'log',
    hasMemoryCalculator,
    env,
    elsewhere: Object.fromEntries(ofJvm),
    unknown,
    isVariableUnseen: unseen.length > 0 || isPouredUnseen || isReckonedAtStart,
    notes,
    handedOn: handedOnVariable(container, environment),
    container,
    environment,
  };
}

/** The words with which java is started when a variable holds another value; undefined where the command is not java. */
export function argumentsWith(
  container: Container | undefined,
  { variables, elsewhere }: ContainerEnvironment,
  name: string,
  value: string,
): readonly string[] | undefined {
  const changed = { ...variables, [name]: value };
  const words = [...(container?.command ?? []), ...(container?.args ?? [])].map((word) =>
    expandReferences(word, changed),
  );
  const set = new Set(Object.keys(elsewhere).filter((other) => other !== name));
  return commandLine(words, changed, set)
    .commands.map(jvmArguments)
    .find((args) => args !== undefined);
}

/** Tried with a word that nobody else writes: where it arrives before the program is named and behind the other flags, it wins. */
function handedOnVariable(container: Container | undefined, environment: ContainerEnvironment): string | undefined {
  return variablesUsed(container).findLast((name) => {
    if (!mayHoldOptions(name)) return false;
    const args = argumentsWith(container, environment, name, probe) ?? [];
    const at = args.indexOf(probe);
    return at >= 0 && !args.slice(at + 1).some((word) => heapSizeFlag.test(word));
  });
}

const probe = '-Xquorumprobe';

/** The names of the variables in command and args, as Kubernetes and shells write them: `$(NAME)`, `$NAME`, `${NAME:-x}`. */
export function variablesUsed(container: Container | undefined): string[] {
  const text = [...(container?.command ?? []), ...(container?.args ?? [])].join(' ').slice(0, 100_000);
  return [...new Set([...text.matchAll(/(?<!\$)\$[({]?([A-Za-z_]\w*)/g)].map(([, name = '']) => name))];
}

/** Whether a variable of this name is one that scripts hand on to java. */
export function mayHoldOptions(name: string): boolean {
  return scriptVariables.includes(name) || /(?:OPTS|OPTIONS|FLAGS)$/.test(name);
}

/** A log that begins with what the JVM picked up tells all three variables, wherever they come from. */
function tellsOfItsVariables(log: string, pickedUp: Readonly<Record<string, string>>): boolean {
  return Object.keys(pickedUp).length > 0 && /^(?:NOTE: )?Picked up /.test(log.trimStart());
}

function commandLine(
  words: readonly string[],
  variables: Readonly<Record<string, string>>,
  unset: ReadonlySet<string>,
) {
  const start = unwrapped(words);
  const script = start.findIndex((word) => /^-[a-z]*c$/.test(word));
  if (shells.has(programName(start[0])) && script > 0 && script <= 3)
    return readShellLine(start[script + 1] ?? '', variables, unset);
  return { commands: words.length === 0 ? [] : [words], unknown: [] };
}

/** `INFO exec -a "java" java -XX:MaxRAMPercentage=80.0 …`: Red Hat's run-java and scripts under `set -x` print what they run. */
function loggedArguments(log: string): readonly string[] | undefined {
  const found = [...log.matchAll(/^(?:INFO |\++ )?exec (?:-a "?java"? )?(\S*java .{1,8000})$/gm)].at(-1)?.[1];
  if (found === undefined) return undefined;
  return readShellLine(found, {}, new Set())
    .commands.map(jvmArguments)
    .find((args) => args !== undefined);
}

/** Takes off what only starts something else: `exec`, `tini -s --`, `gosu app`, `env A=b`. */
function unwrapped(words: readonly string[]): readonly string[] {
  let rest = words;
  for (let turns = 0; turns < 5 && wrappers.has(programName(rest[0])); turns++) {
    const wrapper = programName(rest[0]);
    rest = rest.slice(1);
    const dashes = rest.indexOf('--');
    if (dashes >= 0 && dashes <= 4) {
      rest = rest.slice(dashes + 1);
      continue;
    }
    while (rest[0] !== undefined && (rest[0].startsWith('-') || /^\w+=/.test(rest[0]))) rest = rest.slice(1);
    if ((wrapper === 'gosu' || wrapper === 'su-exec') && rest.length > 1) rest = rest.slice(1);
  }
  return rest;
}

function programName(word: string | undefined): string {
  return word?.split('/').at(-1) ?? '';
}

/** The arguments that the JVM takes, when the command is `java …`. */
function jvmArguments(command: readonly string[]): readonly string[] | undefined {
  const words = unwrapped(command);
  return programName(words[0]) === 'java' ? wordsBeforeProgram(words.slice(1)) : undefined;
}

type Signs = {
  readonly container: Container | undefined;
  readonly variables: Readonly<Record<string, string>>;
  readonly commands: readonly (readonly string[])[];
  readonly runsJava: boolean;
  readonly log: string;
  readonly hint: JvmHint | undefined;
};

function verdict({ container, variables, commands, runsJava, log, hint }: Signs): {
  isJava: boolean | undefined;
  why: string;
} {
  if (runsJava) return { isJava: true, why: 'its command is java' };
  if (looksLikeJavaLog(log)) return { isJava: true, why: 'a JVM wrote its log' };
  const javaVariable = [...jvmVariables, ...scriptVariables, 'JAVA_HOME', 'JAVA_VERSION'].find(
    (name) => variables[name] !== undefined,
  );
  const image = container?.image ?? '';
  const program = programName(unwrapped(commands.at(-1) ?? [])[0]);
  if (otherProgram.test(program)) return { isJava: false, why: `its command is ${program}` };
  if (hint !== undefined) return { isJava: true, why: `configured for ${hint.match}` };
  if (javaImage.test(image)) return { isJava: true, why: `its image is ${image}` };
  if (/(?:\.jar|catalina\.sh|java)$/.test(program) || commands.flat().some((word) => word.endsWith('.jar')))
    return { isJava: true, why: 'its command names a jar' };
  if (javaVariable !== undefined) return { isJava: true, why: `${javaVariable} is set` };
  if (otherImage.test(image)) return { isJava: false, why: `its image is ${image}` };
  if (log.trim() !== '') return { isJava: false, why: 'nothing in its command, image, variables or log says Java' };
  return {
    isJava: undefined,
    why: 'nothing in its command, image or variables says Java, and there is no log to look at',
  };
}
