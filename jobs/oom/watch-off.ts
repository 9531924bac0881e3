import { chooseWatch } from '../../src/watch/choosing.ts';

/** This channel is not told any more of what dies in a place: who is next in line is. */
export const oomWatchOff = chooseWatch('off');
