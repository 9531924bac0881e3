import type { Section } from '../report/report.ts';
import { quotedWord } from '../shell-quoting.ts';
import type { SnapshotFacts } from './facts.ts';

/** What stands for a data folder that nobody told: etcd's packages and kubeadm both use this one. */
const usualDataDir = '/var/lib/etcd';

/**
 * The commands that restore a cluster from this snapshot: for each member as it was when the snapshot was taken, ready to paste. They write a new
 * folder beside the old one, and touch no running process.
 */
export function restoreCommands(facts: SnapshotFacts, where: string): string {
  const plain = `${facts.cluster}.db`;
  const members = facts.members.filter(({ name, peerUrls }) => name !== '' && peerUrls.length > 0);
  const initialCluster = members.flatMap(({ name, peerUrls }) => peerUrls.map((url) => `${name}=${url}`)).join(',');
  return [
    `# 1. Where Quorum runs: the file, and what is in it`,
    ...fetched(facts, where),
    ...(facts.keyId === null
      ? [`cp ${quotedWord(localFile(facts, where))} ${quotedWord(plain)}`]
      : [`quorum snapshot decrypt ${quotedWord(localFile(facts, where))} ${quotedWord(plain)}`]),
    `sha256sum ${quotedWord(plain)}    # ${facts.sha256}`,
    '',
    `# 2. Copy ${plain} to every member. Stop the API servers, then etcd on all of them, and put the old data aside: mv ${usualDataDir} ${usualDataDir}.old`,
    ...members.flatMap(({ name, peerUrls }) => [
      '',
      `# 3. On ${name}`,
      [
        restoreTool(facts.etcdVersion),
        'snapshot restore',
        quotedWord(plain),
        `--name ${quotedWord(name)}`,
        `--initial-cluster ${quotedWord(initialCluster)}`,
        `--initial-cluster-token ${quotedWord(`${facts.cluster}-${facts.name}`)}`,
        `--initial-advertise-peer-urls ${quotedWord(peerUrls.join(','))}`,
        `--data-dir ${usualDataDir}`,
      ].join(' '),
    ]),
    '',
    '# 4. Start etcd on all of them with --initial-cluster-state new, look with etcdctl endpoint health, then start the API servers',
  ].join('\n');
}

/** From 3.5 on etcdutl restores; 3.6 took it out of etcdctl. */
function restoreTool(version: string): string {
  const [, major = '3', minor = '4'] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) === 3 && Number(minor) < 5 ? 'ETCDCTL_API=3 etcdctl' : 'etcdutl';
}

const isBucket = (where: string) => where.startsWith('s3://');

function fetched({ file }: SnapshotFacts, where: string): string[] {
  return isBucket(where) ? [`aws s3 cp ${quotedWord(`${where}/${file}`)} .`] : [];
}

function localFile({ file }: SnapshotFacts, where: string): string {
  return isBucket(where) ? file : `${where}/${file}`;
}

/** The commands as a part of a report, with what they leave to the reader. */
export function restoreSections(facts: SnapshotFacts, where: string): Section[] {
  return [
    { kind: 'code', title: `To restore ${facts.name}`, text: restoreCommands(facts, where), more: true },
    {
      kind: 'text',
      more: true,
      text: `The folder ${usualDataDir} is etcd’s usual one: put yours there (--data-dir, in the unit or in /etc/kubernetes/manifests/etcd.yaml). Whatever was written after the snapshot is lost; docs/restore.md goes through it step by step.`,
    },
  ];
}
