import type { Alarm, AlarmKind, Member, MemberStatus } from './cluster.ts';

/**
 * The part of etcd's public gRPC interface that etcd3 1.1.2 lacks or calls wrongly: its Status knows no `dbSizeQuota`
 * (etcd 3.6, field 12), and its snapshot sends the metadata as the request, so that the token of authentication is lost. Field numbers are those of etcd's api/etcdserverpb/rpc.proto.
 */
export const maintenanceProtocol = {
  nested: {
    etcdserverpb: {
      nested: {
        ResponseHeader: {
          fields: {
            cluster_id: { type: 'uint64', id: 1 },
            member_id: { type: 'uint64', id: 2 },
            revision: { type: 'int64', id: 3 },
          },
        },
        StatusRequest: { fields: {} },
        StatusResponse: {
          fields: {
            header: { type: 'ResponseHeader', id: 1 },
            version: { type: 'string', id: 2 },
            dbSize: { type: 'int64', id: 3 },
            leader: { type: 'uint64', id: 4 },
            raftIndex: { type: 'uint64', id: 5 },
            raftTerm: { type: 'uint64', id: 6 },
            raftAppliedIndex: { type: 'uint64', id: 7 },
            errors: { rule: 'repeated' as const, type: 'string', id: 8 },
            dbSizeInUse: { type: 'int64', id: 9 },
            isLearner: { type: 'bool', id: 10 },
            dbSizeQuota: { type: 'int64', id: 12 },
          },
        },
        SnapshotRequest: { fields: {} },
        SnapshotResponse: {
          fields: {
            header: { type: 'ResponseHeader', id: 1 },
            remaining_bytes: { type: 'uint64', id: 2 },
            blob: { type: 'bytes', id: 3 },
          },
        },
        Maintenance: {
          methods: {
            Status: { requestType: 'StatusRequest', responseType: 'StatusResponse', comment: '' },
            Snapshot: {
              requestType: 'SnapshotRequest',
              responseType: 'SnapshotResponse',
              responseStream: true,
              comment: '',
            },
          },
        },
      },
    },
  },
};

/** A Status reply as the wire gives it: 64-bit numbers are decimal strings. */
export type WireStatus = {
  readonly header: { readonly cluster_id: string; readonly member_id: string; readonly revision: string } | null;
  readonly version: string;
  readonly dbSize: string;
  readonly leader: string;
  readonly raftIndex: string;
  readonly raftTerm: string;
  readonly raftAppliedIndex: string;
  readonly errors: readonly string[];
  readonly dbSizeInUse: string;
  readonly isLearner: boolean;
  readonly dbSizeQuota: string;
};

/** An id in the form that etcdctl prints: hexadecimal without leading zeros. */
export function hexId(decimal: string): string {
  return BigInt(decimal).toString(16);
}

/** An id as the wire wants it, from the form that etcdctl prints. */
export function decimalId(hex: string): string {
  return BigInt(`0x${hex}`).toString();
}

/** @returns null when the reply is not one of etcd's: something else may answer to the same name with an empty message */
export function statusOf(wire: WireStatus): MemberStatus | null {
  if (wire.header === null || wire.version === '' || wire.header.member_id === '0') return null;
  return {
    clusterId: hexId(wire.header.cluster_id),
    memberId: hexId(wire.header.member_id),
    version: wire.version,
    revision: Number(wire.header.revision),
    dbSizeBytes: Number(wire.dbSize),
    dbSizeInUseBytes: Number(wire.dbSizeInUse),
    quotaBytes: wire.dbSizeQuota === '0' ? null : Number(wire.dbSizeQuota),
    leaderId: wire.leader === '0' ? null : hexId(wire.leader),
    raftTerm: Number(wire.raftTerm),
    raftIndex: Number(wire.raftIndex),
    raftAppliedIndex: Number(wire.raftAppliedIndex),
    isLearner: wire.isLearner,
    errors: wire.errors.map((error) => error.trim()),
  };
}

export function memberOf(wire: {
  readonly ID: string;
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
  readonly isLearner: boolean;
}): Member {
  return {
    id: hexId(wire.ID),
    name: wire.name,
    peerUrls: wire.peerURLs,
    clientUrls: wire.clientURLs,
    isLearner: wire.isLearner,
  };
}

/** etcd3 gives an alarm's kind as `Nospace` where etcd says NOSPACE, and a number for one it does not know. */
export function alarmOf(wire: { readonly memberID: string; readonly alarm: string | number }): Alarm[] {
  const kind = alarmKind(String(wire.alarm).toUpperCase());
  return kind === undefined ? [] : [{ memberId: hexId(wire.memberID), kind }];
}

function alarmKind(text: string): AlarmKind | undefined {
  return text === 'NOSPACE' || text === 'CORRUPT' ? text : undefined;
}

/** Alarms as Status.errors repeat them, which needs no consensus: `memberID:1750627032019381373 alarm:NOSPACE`. */
export function alarmsInErrors(errors: readonly string[]): Alarm[] {
  return errors.flatMap((error) => {
    const [, memberID, alarm] = /memberID:(\d+)\s+alarm:(\w+)/.exec(error) ?? [];
    return memberID === undefined || alarm === undefined ? [] : alarmOf({ memberID, alarm });
  });
}
