import { fromJSON, type MethodDefinition } from '@grpc/proto-loader';
import { type Settled, settled } from './failure.ts';
import type { MemberRoute } from './membership-client.ts';

/** What an etcd user may do. */
export type Rights = {
  /** A user's roles, asked of one endpoint. Every user may ask for its own; it takes a round of consensus. */
  roles(at: string, user: string): Promise<Settled<readonly string[]>>;
};

export function createRights({ client, carry }: Pick<MemberRoute, 'client' | 'carry'>, timeoutMs: number): Rights {
  return {
    roles: (at, name) =>
      settled(
        carry(() => client(at).call(userGet, { name }, new Date(Date.now() + timeoutMs))).then(({ roles }) => roles),
      ),
  };
}

/** Field numbers are those of etcd's api/etcdserverpb/rpc.proto. */
const rightsProtocol = {
  nested: {
    etcdserverpb: {
      nested: {
        AuthUserGetRequest: { fields: { name: { type: 'string', id: 1 } } },
        AuthUserGetResponse: { fields: { roles: { rule: 'repeated' as const, type: 'string', id: 2 } } },
        Auth: {
          methods: {
            UserGet: { requestType: 'AuthUserGetRequest', responseType: 'AuthUserGetResponse', comment: '' },
          },
        },
      },
    },
  },
};

type UserGet = MethodDefinition<{ readonly name: string }, { readonly roles: readonly string[] }>;

const userGet = loadUserGet();

function loadUserGet(): UserGet {
  const loaded = fromJSON(rightsProtocol, { keepCase: true, longs: String, enums: String, defaults: true });
  const service: unknown = loaded['etcdserverpb.Auth'];
  return (service as { readonly UserGet: UserGet }).UserGet;
}
