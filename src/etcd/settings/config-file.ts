import { isKnownFlag } from './known-flags.ts';
import { type GivenSettings, type RawSetting, sift } from './setting.ts';

const sections: Readonly<Record<string, string>> = {
  'client-transport-security': '',
  'peer-transport-security': 'peer-',
};
/** Keys that are not the flag without its `peer-` (embed/config.go, securityConfig). */
const renamed: Readonly<Record<string, string>> = {
  'peer-allowed-cn': 'peer-cert-allowed-cn',
  'peer-allowed-hostname': 'peer-cert-allowed-hostname',
  'allowed-hostname': 'client-cert-allowed-hostname',
};

/** The settings of `etcd.conf.yaml`: keys as flags, those of TLS nested. @returns null for what is none */
export function readConfigFile(parsed: unknown): GivenSettings | null {
  if (!isMapping(parsed)) return null;
  const raw = Object.entries(parsed).flatMap(([key, value]): RawSetting[] => {
    const prefix = sections[key];
    if (prefix === undefined || !isMapping(value)) return [{ name: key, value: text(value), by: 'file' }];
    return Object.entries(value).map(([inner, each]) => {
      const name = `${prefix}${inner}`;
      return { name: renamed[name] ?? name, value: text(each), by: 'file' };
    });
  });
  return raw.some(({ name }) => isKnownFlag(name)) ? sift('config file', raw) : null;
}

function text(value: unknown): string {
  if (Array.isArray(value)) return value.map(String).join(',');
  return value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
