import * as grpc from '@grpc/grpc-js';
import { fromJSON, type MethodDefinition } from '@grpc/proto-loader';
import { Etcd3, type IOptions } from 'etcd3';
import type { Alarm, Member, MemberStatus } from './cluster.ts';
import type { Credentials } from './credentials-client.ts';
import { addressOf, hostPort } from './endpoint.ts';
import { channelOptions, type TokenHolder, withToken } from './member-channel-client.ts';
import { alarmOf, decimalId, maintenanceProtocol, memberOf, statusOf, type WireStatus } from './protocol.ts';
import { type SnapshotPart, type StreamLimits, streamSnapshot } from './snapshot-client.ts';

/**
 * One member, one client: a call goes to this member or fails. Deadlines are absolute; nothing is retried.
 * Errors are the drivers' own: see `failureOf`.
 */
export type MemberClient = {
  readonly endpoint: string;
  status(deadline: Date): Promise<MemberStatus>;
  /** As this member knows the list, without asking the others, so that it answers without a quorum too. */
  memberList(deadline: Date): Promise<readonly Member[]>;
  /** As the cluster agrees on it at this moment; needs a quorum. */
  memberListAgreed(deadline: Date): Promise<readonly Member[]>;
  memberAdd(request: MemberAddition, deadline: Date): Promise<Member>;
  memberPromote(memberId: string, deadline: Date): Promise<void>;
  memberRemove(memberId: string, deadline: Date): Promise<void>;
  /** Drops the history up to a revision, and answers once that is done on the member that is asked. */
  compact(revision: number, deadline: Date): Promise<void>;
  /** Rewrites the member's database. It answers nothing else meanwhile, and goes on when the deadline is over. */
  defragment(deadline: Date): Promise<void>;
  /** One member's NOSPACE alarm: there is no call that would end another one. */
  disarmNoSpace(memberId: string, deadline: Date): Promise<void>;
  put(key: string, value: string, deadline: Date): Promise<void>;
  /** Linearizable. @returns null where there is none */
  read(key: string, deadline: Date): Promise<string | null>;
  remove(key: string, deadline: Date): Promise<void>;
  /** Only the leader itself takes it. */
  moveLeader(toMemberId: string, deadline: Date): Promise<void>;
  /** Takes a round of consensus. */
  alarms(deadline: Date): Promise<readonly Alarm[]>;
  /** @returns a token for `TokenHolder` */
  authenticate(username: string, password: string, deadline: Date): Promise<string>;
  /** One call of etcd's interface as it stands, for what etcd3 lacks or makes too much of. */
  call<Request, Reply>(method: RawMethod<Request, Reply>, request: Request, deadline: Date): Promise<Reply>;
  /** The member's database, as a stream on a connection of its own. */
  snapshot(limits: StreamLimits): AsyncIterable<SnapshotPart>;
  /** Whether a connection stands, as against one that is being made. */
  isConnected(): boolean;
  close(): void;
};

/** A call of etcd's interface, with what turns its messages into bytes and back. */
export type RawMethod<Request, Reply> = Pick<
  MethodDefinition<Request, Reply>,
  'path' | 'requestSerialize' | 'responseDeserialize'
>;

/** A member as it is to be added: the name comes only when it starts. */
export type MemberAddition = { readonly peerUrls: readonly string[]; readonly isLearner: boolean };

/** Makes the client of one member. It connects at the first call and reconnects by itself. */
export function createMemberClient(endpoint: string, credentials: Credentials, token: TokenHolder): MemberClient {
  const { host, port, isTls } = addressOf(endpoint);
  const transport = isTls
    ? grpc.credentials.createFromSecureContext(credentials.context)
    : grpc.credentials.createInsecure();
  const channel = new grpc.Channel(hostPort(host, port), transport, channelOptions);
  const options = { channelOverride: unclosable(channel), interceptors: [withToken(token)] };
  const etcd = new Etcd3({ hosts: endpoint, faultHandling: { host: () => once, global: once }, grpcOptions: options });
  const bare = new grpc.Client('', transport, options);
  const alarms = async (deadline: Date): Promise<readonly Alarm[]> => {
    // Numbers, because etcd3 spells the names of its enums in its own way and takes any other spelling for 0.
    const reply = await etcd.maintenance.alarm({ action: 0, memberID: '0', alarm: 0 }, { deadline });
    return reply.alarms.flatMap(alarmOf);
  };
  return {
    endpoint,
    status: (deadline) => callStatus(bare, deadline),
    call: (method, request, deadline) => callOnce(bare, method, request, deadline),
    async memberList(deadline) {
      const reply = await etcd.cluster.memberList({ linearizable: false }, { deadline });
      return reply.members.map(memberOf);
    },
    async memberListAgreed(deadline) {
      // Before 3.5 `linearizable` is not known. A member that has answered an alarm request has applied all that was agreed before.
      await alarms(deadline);
      const reply = await etcd.cluster.memberList({ linearizable: true }, { deadline });
      return reply.members.map(memberOf);
    },
    async memberAdd({ peerUrls, isLearner }, deadline) {
      const reply = await etcd.cluster.memberAdd({ peerURLs: [...peerUrls], isLearner }, { deadline });
      return memberOf(reply.member);
    },
    async memberPromote(memberId, deadline) {
      await etcd.cluster.memberPromote({ ID: decimalId(memberId) }, { deadline });
    },
    async memberRemove(memberId, deadline) {
      await etcd.cluster.memberRemove({ ID: decimalId(memberId) }, { deadline });
    },
    async compact(revision, deadline) {
      await etcd.kv.compact({ revision: String(revision), physical: true }, { deadline });
    },
    async defragment(deadline) {
      await etcd.maintenance.defragment({ deadline });
    },
    async disarmNoSpace(memberId, deadline) {
      // 2 is DEACTIVATE, 1 is NOSPACE. A memberID of 0 would be taken and do nothing.
      await etcd.maintenance.alarm({ action: 2, memberID: decimalId(memberId), alarm: 1 }, { deadline });
    },
    async put(key, value, deadline) {
      await etcd.kv.put({ key: Buffer.from(key), value: Buffer.from(value) }, { deadline });
    },
    async read(key, deadline) {
      const { kvs } = await etcd.kv.range({ key: Buffer.from(key) }, { deadline });
      return kvs[0]?.value.toString() ?? null;
    },
    async remove(key, deadline) {
      await etcd.kv.deleteRange({ key: Buffer.from(key) }, { deadline });
    },
    async moveLeader(toMemberId, deadline) {
      await etcd.maintenance.moveLeader({ targetID: decimalId(toMemberId) }, { deadline });
    },
    alarms,
    async authenticate(name, password, deadline) {
      return (await etcd.auth.authenticate({ name, password }, { deadline })).token;
    },
    snapshot: (limits) => streamSnapshot(endpoint, credentials, token, limits),
    isConnected: () => channel.getConnectivityState(false) === grpc.connectivityState.READY,
    close() {
      etcd.close();
      channel.close();
    },
  };
}

/**
 * Status goes without etcd3, whose protocol file lacks the quota that 3.6 tells.
 * @throws Error when the reply is not one that etcd sends
 */
async function callStatus(client: grpc.Client, deadline: Date): Promise<MemberStatus> {
  const status = statusOf(await callOnce(client, statusMethod, {}, deadline));
  if (status === null) throw new Error('12 UNIMPLEMENTED: the reply to Status is not one of etcd: unknown service');
  return status;
}

function callOnce<Request, Reply>(
  client: grpc.Client,
  { path, requestSerialize, responseDeserialize }: RawMethod<Request, Reply>,
  request: Request,
  deadline: Date,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest<Request, Reply>(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new grpc.Metadata(),
      { deadline },
      (error, reply) => {
        if (error !== null || reply === undefined) reject(error ?? new Error('an empty reply'));
        else resolve(reply);
      },
    );
  });
}

const statusMethod = loadStatusMethod();

function loadStatusMethod(): MethodDefinition<object, WireStatus> {
  const loaded = fromJSON(maintenanceProtocol, { keepCase: true, longs: String, enums: String, defaults: true });
  const service: unknown = loaded['etcdserverpb.Maintenance'];
  return (service as { readonly Status: MethodDefinition<object, WireStatus> }).Status;
}

/**
 * etcd3 closes its channel after a failed call. This one is kept instead: it reconnects by itself, and etcd3 and the
 * bare client share it, which makes one connection and one handshake a member.
 */
function unclosable(channel: grpc.Channel): grpc.ChannelInterface {
  return {
    close() {},
    getTarget: () => channel.getTarget(),
    getConnectivityState: (tryToConnect) => channel.getConnectivityState(tryToConnect),
    watchConnectivityState: (state, deadline, callback) => channel.watchConnectivityState(state, deadline, callback),
    getChannelzRef: () => channel.getChannelzRef(),
    createCall: (...call) => channel.createCall(...call),
  };
}

type Policy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>;

const neverAborted = new AbortController().signal;
const noEvents = () => ({ dispose() {} });

/** Makes each call once: etcd3's defaults repeat mutations, and open a circuit breaker under NOSPACE. */
const once: Policy = {
  _altReturn: undefined as never,
  onSuccess: noEvents,
  onFailure: noEvents,
  async execute(call) {
    return await call({ signal: neverAborted });
  },
};
