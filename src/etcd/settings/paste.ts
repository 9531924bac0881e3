import { parseAllDocuments } from 'yaml';
import { redact } from '../../redact.ts';
import { Refusal } from '../../refusal.ts';
import { listed } from '../../report/text.ts';
import { readLine } from './command-line.ts';
import { readConfigFile } from './config-file.ts';
import { looksLikeEnvironment, readAssignments } from './environment-file.ts';
import { readManifest } from './pod-manifest.ts';
import { type GivenSettings, sift } from './setting.ts';
import { looksLikeUnit, readUnit } from './systemd-unit.ts';

/** More than any of the files has. */
const longestText = 64 * 1024;

/**
 * Reads whatever holds the settings of one member, by what it looks like. Only the settings are handed on, never the text.
 * @throws Refusal, which quotes nothing of it, for what is none of the known shapes
 */
export function readPasted(text: string): GivenSettings {
  const read = text.length > longestText ? null : readAny(text.replace(/^\uFEFF/, ''));
  if (read !== null && read.given.length + read.unknown.length > 0) return read;
  if (read !== null && read.elsewhere.length > 0)
    throw new Refusal(
      `That ${read.format} sets nothing itself: it takes its settings from ${redact(listed(read.elsewhere))}.`,
      'Paste that file instead.',
    );
  throw new Refusal(
    text.trim() === ''
      ? 'Nothing was given to read.'
      : 'The settings of an etcd member were not recognised in that text.',
    'Understood are: an environment file (ETCD_NAME=etcd-1, a line each), a systemd unit with its ExecStart, etcd.conf.yaml, the manifest of a pod (etcd.yaml), and a command line (etcd --name etcd-1 …).',
  );
}

function readAny(text: string): GivenSettings | null {
  if (looksLikeUnit(text)) return readUnit(text);
  if (looksLikeEnvironment(text)) return sift('environment file', readAssignments(text));
  for (const document of documentsIn(text)) {
    const read = readManifest(document) ?? readConfigFile(document);
    if (read !== null) return read;
  }
  const read = readLine(text.trim(), {});
  return read === null ? null : sift('command line', read.flags, { elsewhere: read.unknown });
}

function documentsIn(text: string): unknown[] {
  try {
    const documents = parseAllDocuments(text);
    return Array.isArray(documents)
      ? documents.filter(({ errors }) => errors.length === 0).map((document) => document.toJS({ maxAliasCount: 20 }))
      : [];
  } catch {
    return [];
  }
}
