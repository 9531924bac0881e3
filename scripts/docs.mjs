import { runEntry } from './entry.mjs';

await runEntry('src/docs.js', ['node']);
