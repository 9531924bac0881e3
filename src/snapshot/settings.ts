/** Where the snapshots of one cluster are kept: a folder of this machine, or a bucket. Each cluster gets a folder of its own below. */
export type SnapshotPlace =
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 's3';
      readonly bucket: string;
      readonly prefix: string;
      readonly region: string;
      readonly endpoint: string;
      readonly forcePathStyle: boolean;
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
    };

/** The limits of what is kept: beyond either a snapshot goes, except the last good one. */
export type Keeping = { readonly last: number; readonly days: number };

/** How the snapshots of one cluster are taken and kept. */
export type SnapshotSettings = {
  readonly place: SnapshotPlace;
  /** 32 bytes each; the first one seals, all of them open. Empty: `encryption: none`. */
  readonly keys: readonly Uint8Array[];
  readonly keep: Keeping;
  /** A last good one that is older is warned of. */
  readonly maxAgeMs: number;
};

/** How a key is written in the config: 32 bytes in hex or in base64. @returns null for anything else */
export function keyOf(text: string): Uint8Array | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return null;
  const key = Buffer.from(text, 'base64');
  return key.length === 32 ? key : null;
}
