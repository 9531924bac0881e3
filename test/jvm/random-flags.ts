const mebi = 1024 ** 2;

type Asked = { readonly major: number; readonly seed: number; readonly count: number };

/** Random sets of the flags that decide about the heap, legal and illegal ones; the same for the same seed. */
export function randomFlags({ major, seed, count }: Asked): string[][] {
  let state = seed;
  const random = () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
  const whole = (from: number, to: number) => from + Math.floor(random() * (to - from + 1));
  const one = <T>(choices: readonly [T, ...T[]]): T => choices[whole(0, choices.length - 1)] ?? choices[0];
  const size = () =>
    one([
      () => String(whole(1, 4e8)),
      () => `${whole(1, 600)}m`,
      () => `${whole(1, 500_000)}k`,
      () => `0x${whole(1, 4e8).toString(16)}`,
      () => one(['2m', '1m', '0', '8m', '6815736', '130862280', '2g', '200Mi', '1.5g']),
    ])();
  const percentage = () =>
    one([
      () => (random() * 100).toFixed(1),
      () => (random() * 100).toFixed(4),
      () => String(whole(0, 100)),
      () => one(['0.0', '100', '75%', '101', '1e1', '75.', '.5']),
    ])();
  const flag = () =>
    one([
      () => `-Xmx${size()}`,
      () => `-Xms${size()}`,
      () => `-XX:MaxHeapSize=${size()}`,
      () => `-XX:InitialHeapSize=${size()}`,
      () => `-XX:MinHeapSize=${size()}`,
      () => `-XX:SoftMaxHeapSize=${size()}`,
      () => `-Xmn${size()}`,
      () => `-XX:${one(['Max', 'Min', 'Initial'])}RAMPercentage=${percentage()}`,
      () => `-XX:${one(['Max', 'Min', 'Initial'])}RAMPercentage=${percentage()}`,
      () => `-XX:${one(['Max', 'Min', 'Initial'])}RAMFraction=${whole(0, 8)}`,
      () => `-XX:+Use${one(['Serial', 'Parallel', 'G1'])}GC`,
      () => `-XX:G1HeapRegionSize=${one(['1m', '4m', '32m', '3m', '64m'])}`,
      () => `-XX:ActiveProcessorCount=${whole(1, 4)}`,
      () => `-XX:${one(['+', '-'])}UseCompressedOops`,
      () => `-XX:ObjectAlignmentInBytes=${one([8, 16])}`,
    ])();
  return Array.from({ length: count }, () => {
    const flags = Array.from({ length: whole(1, 4) }, flag);
    const ram = Math.floor(Math.exp(Math.log(16) + random() * Math.log(16_384)) * mebi);
    return major < 27 && random() < 0.85 ? [`-XX:MaxRAM=${ram}`, ...flags] : flags;
  });
}
