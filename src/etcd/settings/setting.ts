import { z } from 'zod';
import { isSecretName, mask, redact } from '../../redact.ts';
import { isKnownFlag } from './known-flags.ts';

/** The shapes in which somebody keeps the settings of a member. */
export const formats = ['environment file', 'systemd unit', 'config file', 'pod manifest', 'command line'] as const;

/** How a setting is given: as a flag, as a variable, or in the file of `--config-file`. */
const way = z.enum(['flag', 'variable', 'file']);

/** The settings of one member as far as they were read, and nothing else of the text they stood in. */
export const givenSettingsSchema = z.strictObject({
  format: z.enum(formats),
  /** Named as the flag is, without dashes: `heartbeat-interval`. */
  given: z.array(z.strictObject({ name: z.string(), value: z.string(), by: way })).readonly(),
  /** What no version of etcd has, without values. */
  unknown: z.array(z.strictObject({ name: z.string(), by: way })).readonly(),
  /** Files and references that may set more, and are not seen here. */
  elsewhere: z.array(z.string()).readonly(),
  /** Names whose values look like secrets: left out. */
  leftOut: z.array(z.string()).readonly(),
  /** Its liveness probe, and how long that may fail until the kubelet ends the member. */
  probe: z.strictObject({ path: z.string(), toleranceMs: z.number() }).nullable(),
});

export type GivenSettings = z.infer<typeof givenSettingsSchema>;
export type Way = z.infer<typeof way>;
/** One name and value as they stood there. */
export type RawSetting = { readonly name: string; readonly value: string; readonly by: Way };

/** Whoever has these may join a cluster that is being made, or read the discovery service. */
const secretFlags = ['initial-cluster-token', 'discovery', 'discovery-token', 'discovery-user', 'discovery-password'];
/** Read by etcd, and no flags (server/etcdmain/etcd.go). */
const otherVariables = ['unsupported-arch', 'verify', 'unsupported-fs'];
/** The longest value that is kept; an initial-cluster of nine members has some 400 characters. */
const longestValue = 2000;

/** Keeps the settings of etcd, and of everything else the names at most: the rest of a pasted text is stored nowhere. */
export function sift(
  format: GivenSettings['format'],
  raw: readonly RawSetting[],
  more: Partial<Pick<GivenSettings, 'elsewhere' | 'probe'>> = {},
): GivenSettings {
  const all = raw.filter(({ name }) => /^[a-z0-9][a-z0-9._-]{0,80}$/i.test(name));
  const own = all.flatMap((setting) => {
    if (setting.by !== 'variable') return [setting];
    const name = flagOfVariable(setting.name);
    return name === undefined || otherVariables.includes(name) ? [] : [{ ...setting, name }];
  });
  const known = own.filter(({ name }) => isKnownFlag(name));
  const secrets = all.filter(
    ({ name, by }) =>
      (by === 'variable' && flagOfVariable(name) === undefined && isSecretName(name)) || /password/i.test(name),
  );
  return {
    format,
    given: known.map(({ name, value, by }) => ({
      name,
      value: secretFlags.includes(name) ? mask : redact(value.slice(0, longestValue)),
      by,
    })),
    unknown: own.filter(({ name }) => !isKnownFlag(name)).map(({ name, by }) => ({ name, by })),
    elsewhere: more.elsewhere ?? [],
    leftOut: [...new Set(secrets.map(({ name }) => name))],
    probe: more.probe ?? null,
  };
}

/** `ETCD_HEARTBEAT_INTERVAL` sets `heartbeat-interval`; undefined for what is no variable of etcd's. */
function flagOfVariable(name: string): string | undefined {
  return name.startsWith('ETCD_') ? name.slice(5).toLowerCase().replaceAll('_', '-') : undefined;
}

/** The variable of a flag. */
export function variableOf(flag: string): string {
  return `ETCD_${flag.toUpperCase().replaceAll('-', '_')}`;
}

/** The value that counts: the last flag, else the variable, else the file's; null where it is not given. */
export function givenValue({ given }: Pick<GivenSettings, 'given'>, name: string): string | null {
  const of = (by: Way) => given.findLast((setting) => setting.name === name && setting.by === by)?.value;
  return of('flag') ?? of('variable') ?? of('file') ?? null;
}
