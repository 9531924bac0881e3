import { runEntry } from './entry.mjs';

await runEntry('demo/main.js', ['node', 'redis', 'etcd']);
