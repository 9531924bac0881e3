import { chooseWatch } from '../../src/watch/choosing.ts';

/** This channel is told of what dies in a place from now on. */
export const oomWatchOn = chooseWatch('on');
