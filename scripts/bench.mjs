import { runEntry } from './entry.mjs';

await runEntry('bench/main.js', ['node', 'redis', 'etcd']);
