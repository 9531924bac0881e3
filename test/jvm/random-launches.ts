import { join } from 'node:path';
import { randomFlags } from './random-flags.ts';

/** Flags in all the places that a JVM reads, and the files that they name. */
export type Launch = {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Content by path. */
  readonly files: Readonly<Record<string, string>>;
};

type Asked = { readonly major: number; readonly seed: number; readonly count: number; readonly folder: string };

/** Random launches, legal and illegal ones; the same for the same seed. `folder` is where their files are to be. */
export function randomLaunches({ major, seed, count, folder }: Asked): Launch[] {
  let state = seed;
  const random = () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
  const one = <T>(choices: readonly [T, ...T[]]): T => choices[Math.floor(random() * choices.length)] ?? choices[0];
  const pool = randomFlags({ major, seed: seed + 1, count: count * 12 })
    .flat()
    .filter((flag) => !flag.startsWith('-XX:MaxRAM='));
  let at = 0;
  const legal = () =>
    one([
      () => `-Xmx${one(['64m', '128M', '300000k', '200m', '1g'])}`,
      () => `-XX:MaxHeapSize=${one(['96m', '256m'])}`,
      () => `-XX:MaxRAMPercentage=${one(['10.0', '33.3', '75.0', '50'])}`,
      () => `-XX:InitialRAMPercentage=${one(['1.0', '5.0'])}`,
      () => `-Xms${one(['8m', '16m', '32m'])}`,
      () => one(['-XX:+UseSerialGC', '-XX:+UseParallelGC', '-XX:-UseParallelGC', '-XX:+UseG1GC', '-XX:-UseG1GC']),
      () => `-XX:MaxRAM=${one(['512m', '1g', '2000m', '3g'])}`,
      () => one(['-Xss512k', '-Xint', '-server', '-ea', '-Da=b', '-XX:-UseCompressedOops', '-XX:NewSize=4m']),
    ])();
  const illegal = () =>
    one([
      () => pool[at++ % pool.length] ?? '',
      () => `-XX:${one(['+UseConcMarkSweepGC', '+UseCGroupMemoryLimitForHeap', 'MaxPermSize=64m'])}`,
      () => one(['-XX:+PrintGCDateStamps', '-XX:GCLogFileSize=1m', '-Xincgc', '-XX:MaxRAMFraction=2']),
      () => one(['-XX:+IgnoreUnrecognizedVMOptions', '-XX:-IgnoreUnrecognizedVMOptions']),
      () => one(['-XX:+UnlockExperimentalVMOptions', '-XX:-UnlockExperimentalVMOptions']),
      () =>
        one(['-jar', '-version', '-cp /tmp', '--add-modules java.sql', '--add-opens=java.base/java.lang=ALL-UNNAMED']),
    ])();
  const flag = () => (random() < 0.8 ? legal() : illegal());
  const flags = (most: number) => Array.from({ length: 1 + Math.floor(random() * most) }, flag);
  const quoted = (word: string) =>
    one([word, word, word, word, `"${word}"`, `'${word}'`, word.replace(/[=:]/, '$&""')]);

  return Array.from({ length: count }, (_, number) => {
    const files: Record<string, string> = {};
    const file = (kind: string, separators: readonly [string, ...string[]]) => {
      const path = join(folder, `${number}-${Object.keys(files).length}.${kind}`);
      const comment = random() < 0.3 ? '# a comment\n' : '';
      const inside = flags(3).filter((text) => text !== '-version' && text !== '-jar');
      files[path] = `${comment}${inside.map(quoted).join(one(separators))}\n`;
      return path;
    };
    const word = () => {
      const chance = random();
      if (chance < 0.1) return `@${file('args', [' ', '\n', ' \\\n', '\t', '\r\n'])}`;
      if (chance < 0.18) return `-XX:VMOptionsFile=${file('vmoptions', [' ', '\n', '\t'])}`;
      return flag();
    };
    const words = (most: number) => Array.from({ length: Math.floor(random() * (most + 1)) }, word);
    const env: Record<string, string> = {};
    for (const name of ['JAVA_TOOL_OPTIONS', 'JDK_JAVA_OPTIONS', '_JAVA_OPTIONS'])
      if (random() < 0.5)
        env[name] = words(3)
          .map(quoted)
          .join(one([' ', '  ', '\n', '\t']));
    const args = words(3)
      .flatMap((text) => (text === '-version' || text === '-jar' ? [] : text.split(' ')))
      .filter((text) => text !== '');
    return { args: [...args, ...(random() < 0.05 ? ['--disable-@files'] : [])], env, files };
  });
}
