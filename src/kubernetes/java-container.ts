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
  /** The variables that a JVM reads by itself, the JVM's own word for them first. Not redacted. */
  readonly env: Readonly<Record<string, string>>;
  /** The variables that a JVM reads by itself and whose value stands elsewhere: name → where. */
  readonly elsewhere: Readonly<Record<string, string>>;
  /** What could not be seen and may hold flags: sentences, redacted. */
  readonly unknown: readonly string[];
};

/** HotSpot reads these by itself (jvm.md: order of precedence); JAVA_OPTS and its kin only reach it through a script. */
export const jvmVariables = ['JAVA_TOOL_OPTIONS', 'JDK_JAVA_OPTIONS', '_JAVA_OPTIONS'] as const;
const scriptVariables = [
  'JAVA_OPTS',
  'JAVA_OPTIONS',
  'JVM_OPTS',
  'CATALINA_OPTS',
  'MAVEN_OPTS',
  'JAVA_ARGS',
  'KAFKA_HEAP_OPTS',
  'ES_JAVA_OPTS',
];

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
/** Options of the launcher that take the next word as their value. */
const optionsWithValue: ReadonlySet<string> = new Set([
  '-cp',
  '-classpath',
  '--class-path',
  '-p',
  '--module-path',
  '--upgrade-module-path',
  '--add-modules',
  '--add-reads',
  '--add-exports',
  '--add-opens',
  '--limit-modules',
  '--patch-module',
  '--describe-module',
  '-d',
]);
const optionsBeforeMain: ReadonlySet<string> = new Set(['-jar', '-m', '--module']);

/** Decides whether a container runs a JVM and finds the arguments it was started with. */
export function readJavaContainer(
  container: Container | undefined,
  environment: ContainerEnvironment,
  log: string,
): JavaContainer {
  const { variables, elsewhere, poured } = environment;
  const words = [...(container?.command ?? []), ...(container?.args ?? [])].map((word) =>
    expandReferences(word, variables),
  );
  const hasCommand = (container?.command.length ?? 0) > 0;
  const line = commandLine(words, variables, new Set(Object.keys(elsewhere)));
  const java = line.commands.map(jvmArguments).find((args) => args !== undefined);
  const pickedUp = pickedUpVariables(log);
  const env = Object.fromEntries(
    jvmVariables.flatMap((name) => {
      const value = pickedUp[name] ?? variables[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const { isJava, why } = verdict(container, variables, line.commands, java !== undefined, log);

  const unknown: string[] = [];
  let args = java ?? [];
  const startsWithFlags = !hasCommand && /^-(?:X|D|jar|cp|server|ea)/.test(words[0] ?? '');
  if (java === undefined && startsWithFlags) {
    args = flagsBeforeMain(words);
    unknown.push('The image starts the program; its args look like flags for java and are taken so.');
  } else if (java === undefined && isJava !== false) {
    unknown.push(
      hasCommand
        ? 'The command is a script: flags that it gives to java itself cannot be seen.'
        : 'The image starts java: flags in its own entrypoint cannot be seen.',
    );
  }
  for (const name of jvmVariables)
    if (elsewhere[name] !== undefined && pickedUp[name] === undefined)
      unknown.push(`${name} comes from ${elsewhere[name]}, which is not read.`);
  for (const name of scriptVariables)
    if (variables[name] !== undefined && !usesVariable(words, name))
      unknown.push(
        `${name} is set to “${redact(variables[name])}”; the JVM does not read it, it only counts if a script in the image passes it on.`,
      );
    else if (elsewhere[name] !== undefined) unknown.push(`${name} comes from ${elsewhere[name]}, which is not read.`);
  if (poured.length > 0 && isJava !== false)
    unknown.push(
      `Variables also come from ${poured.join(', ')}, which ${poured.length === 1 ? 'is' : 'are'} not read.`,
    );
  for (const piece of line.unknown) unknown.push(`The command uses ${redact(piece)}, whose value is not known here.`);
  const own = jvmVariables.flatMap((name) => (elsewhere[name] === undefined ? [] : [[name, elsewhere[name]]]));
  return { isJava, why, args, env, elsewhere: Object.fromEntries(own), unknown };
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
  return programName(words[0]) === 'java' ? flagsBeforeMain(words.slice(1)) : undefined;
}

/** Everything up to `-jar` or the main class; what follows belongs to the program. */
function flagsBeforeMain(words: readonly string[]): readonly string[] {
  const flags: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (optionsBeforeMain.has(word)) break;
    if (optionsWithValue.has(word)) {
      index++;
      continue;
    }
    if (!word.startsWith('-') && !word.startsWith('@')) break;
    flags.push(word);
  }
  return flags;
}

function usesVariable(words: readonly string[], name: string): boolean {
  return words.some((word) => new RegExp(`\\$\\{?${name}\\b`).test(word));
}

function verdict(
  container: Container | undefined,
  variables: Readonly<Record<string, string>>,
  commands: readonly (readonly string[])[],
  runsJava: boolean,
  log: string,
): { isJava: boolean | undefined; why: string } {
  if (runsJava) return { isJava: true, why: 'its command is java' };
  if (looksLikeJavaLog(log)) return { isJava: true, why: 'a JVM wrote its log' };
  const javaVariable = [...jvmVariables, ...scriptVariables, 'JAVA_HOME', 'JAVA_VERSION'].find(
    (name) => variables[name] !== undefined,
  );
  const image = container?.image ?? '';
  const program = programName(unwrapped(commands.at(-1) ?? [])[0]);
  if (otherProgram.test(program)) return { isJava: false, why: `its command is ${program}` };
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
