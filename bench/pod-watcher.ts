import { connectKubernetes } from '../src/kubernetes/client.ts';
import { waitFor } from '../test/support/process.ts';

// A process that watches all pods of a cluster, and tells how much more memory that takes than being ready for it.
const [kubeconfig = ''] = process.argv.slice(2);
const cluster = await connectKubernetes({ name: 'bench', kubeconfig, namespaces: [], requestTimeoutMs: 20_000 });
// The connection and its code are paid for by whoever asks anything.
await cluster.listPods({ limit: 10 });
globalThis.gc?.();
const before = process.memoryUsage();
const mega = 1e6;

let peak = before.rss;
const sampling = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 5);
let pods = 0;
let listed = 0;
const watch = cluster.watchPods(undefined, {
  pod() {
    pods += 1;
  },
  listed(count) {
    listed = count;
  },
  trouble(refusal) {
    throw refusal;
  },
  working() {},
});
await waitFor('the list', () => listed > 0 && listed === pods, { timeoutMs: 60_000 });
clearInterval(sampling);
peak = Math.max(peak, process.memoryUsage.rss());
globalThis.gc?.();
const figures = {
  pods,
  beforeMb: before.rss / mega,
  peakMb: (peak - before.rss) / mega,
  keptMb: (process.memoryUsage().heapUsed - before.heapUsed) / mega,
};
process.stdout.write(`${JSON.stringify({ event: 'ready', ...figures })}\n`);
await watch.stop();
await cluster.close();
