import type { Probe } from './cluster.ts';

/** What was met at one peer URL, by somebody who is not let in. */
export type PeerSeen = {
  readonly url: string;
  /** Where its host leads; null where the name is not known here. */
  readonly addresses: readonly string[] | null;
  readonly probe: Probe;
  /** Where an etcd answered a peer's first question: the id of its cluster, hexadecimal. */
  readonly clusterId?: string;
};

/** What was met at several peer URLs, and who signs peers' certificates as far as the configuration tells. */
export type PeersSeen = {
  readonly peers: readonly PeerSeen[];
  /** PEM text; '' where no CA is configured. */
  readonly peerCas: string;
  /** The file it was read from. */
  readonly peerCaFile: string | null;
};
