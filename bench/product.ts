import { main } from '../src/cli.ts';

// The executable without bin/quorum.mjs' look whether dist/ follows the sources: an installed Quorum has no sources to look at.
await main(process.argv.slice(2));
