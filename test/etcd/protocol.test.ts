import { describe, expect, test } from '@jest/globals';
import { alarmOf, alarmsInErrors, hexId, statusOf } from '../../src/etcd/protocol.ts';

const wire = {
  header: { cluster_id: '14841639068965178418', member_id: '10276657743932975437', revision: '42' },
  version: '3.6.4',
  dbSize: '20480',
  leader: '10276657743932975437',
  raftIndex: '9',
  raftTerm: '2',
  raftAppliedIndex: '8',
  errors: ['memberID:1750627032019381373 alarm:NOSPACE '],
  dbSizeInUse: '16384',
  isLearner: false,
  dbSizeQuota: '2147483648',
};

describe('what comes over the wire', () => {
  test('an id is shown as etcdctl prints it, also beyond 2^53', () => {
    expect(hexId('10276657743932975437')).toBe('8e9e05c52164694d');
    expect(hexId('704065999741907389')).toBe('9c5584be50bf1bd');
  });

  test('a status with the quota that 3.6 tells', () => {
    expect(statusOf(wire)).toEqual({
      clusterId: 'cdf818194e3a8c32',
      memberId: '8e9e05c52164694d',
      version: '3.6.4',
      revision: 42,
      dbSizeBytes: 20480,
      dbSizeInUseBytes: 16384,
      quotaBytes: 2147483648,
      leaderId: '8e9e05c52164694d',
      raftTerm: 2,
      raftIndex: 9,
      raftAppliedIndex: 8,
      isLearner: false,
      errors: ['memberID:1750627032019381373 alarm:NOSPACE'],
    });
  });

  test('a status without quota or leader leaves both open', () => {
    expect(statusOf({ ...wire, dbSizeQuota: '0', leader: '0' })).toMatchObject({ quotaBytes: null, leaderId: null });
  });

  test('an empty reply is not one of etcd', () => {
    expect(statusOf({ ...wire, header: null })).toBeNull();
    expect(statusOf({ ...wire, version: '' })).toBeNull();
  });

  test('alarms, in the spelling of etcd3 and in that of a status error', () => {
    expect(alarmOf({ memberID: '10', alarm: 'Nospace' })).toEqual([{ memberId: 'a', kind: 'NOSPACE' }]);
    expect(alarmOf({ memberID: '10', alarm: 'Corrupt' })).toEqual([{ memberId: 'a', kind: 'CORRUPT' }]);
    expect(alarmOf({ memberID: '10', alarm: 'None' })).toEqual([]);
    expect(alarmsInErrors(wire.errors)).toEqual([{ memberId: '184b7a02a9b62c7d', kind: 'NOSPACE' }]);
    expect(alarmsInErrors(['etcdserver: no leader'])).toEqual([]);
  });
});
