import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './binaries.mjs';
import { lastLine, runCommand } from './command.mjs';
import { ROOT } from './project.mjs';

const SERVICES = { redis: ['redis'], etcd: ['etcd1', 'etcd2', 'etcd3'] };
const CERTIFICATES = { QUORUM_ETCD_CA: 'ca.crt', QUORUM_ETCD_CERT: 'client.crt', QUORUM_ETCD_KEY: 'client.key' };

/** Whether `docker compose` is there and its engine answers. */
export async function canUseCompose() {
  const compose = await runCommand('docker', ['compose', 'version']);
  if (compose.code !== 0) return false;
  const engine = await runCommand('docker', ['info', '--format', '{{.ServerVersion}}']);
  return engine.code === 0;
}

/**
 * Starts a part from docker-compose.yml and gives back the environment that names it. The containers stay until
 * `docker compose down`. Throws an Error that tells why it could not.
 */
export async function startWithCompose(part) {
  const up = await runCommand('docker', ['compose', 'up', '--detach', '--wait', ...SERVICES[part]], { cwd: ROOT });
  if (up.code !== 0) throw new Error(`docker compose up failed: ${lastLine(up.stderr)}`);
  if (part === 'redis') return { REDIS_URL: 'redis://127.0.0.1:6379' };
  const folder = join(cacheFolder(), 'compose');
  mkdirSync(folder, { recursive: true });
  const env = { QUORUM_ETCD_ENDPOINTS: 'https://127.0.0.1:2379,https://127.0.0.1:22379,https://127.0.0.1:32379' };
  for (const [name, file] of Object.entries(CERTIFICATES)) {
    env[name] = join(folder, file);
    const copy = await runCommand('docker', ['compose', 'cp', `etcd1:/certificates/${file}`, env[name]], { cwd: ROOT });
    if (copy.code !== 0) throw new Error(`docker compose cp failed: ${lastLine(copy.stderr)}`);
  }
  return env;
}
