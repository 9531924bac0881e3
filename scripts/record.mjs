import { runEntry } from './entry.mjs';

await runEntry('src/record.js', ['node']);
