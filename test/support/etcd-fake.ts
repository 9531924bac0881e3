import type { EtcdCluster } from '../../src/etcd/client.ts';
import type { ClusterSeen } from '../../src/etcd/cluster.ts';

/** A cluster that only shows what it is told to; whatever else is asked of it fails. */
export function fakeEtcd(seen: () => ClusterSeen, more: Partial<EtcdCluster> = {}): EtcdCluster {
  const unasked = (): never => {
    throw new Error('this fake was not told to answer that');
  };
  return {
    name: 'prod',
    see: async () => seen(),
    membership: { list: unasked, add: unasked, promote: unasked, remove: unasked, moveLeader: unasked },
    upkeep: {
      compact: unasked,
      defragment: unasked,
      disarmNoSpace: unasked,
      status: unasked,
      put: unasked,
      read: unasked,
      remove: unasked,
    },
    keys: {
      page: unasked,
      digests: unasked,
      head: unasked,
      count: unasked,
      leases: unasked,
      lease: unasked,
      revoke: unasked,
      removeRange: unasked,
    },
    rights: { roles: unasked },
    eventsPrefix: '/registry/events/',
    seePeers: unasked,
    seeListeners: unasked,
    streamSnapshot: unasked,
    servesV2: async () => null,
    snapshots: null,
    close() {},
    ...more,
  };
}

/** A real way to a cluster, some of whose calls go by way of the test. */
export function etcdWith(etcd: EtcdCluster, replaced: Partial<EtcdCluster>): EtcdCluster {
  return new Proxy(etcd, {
    get(real, key) {
      if (Object.hasOwn(replaced, key)) return Reflect.get(replaced, key);
      const value: unknown = Reflect.get(real, key);
      return typeof value === 'function' ? value.bind(real) : value;
    },
  });
}
