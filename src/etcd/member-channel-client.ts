import * as grpc from '@grpc/grpc-js';

/** The token that every call carries; read at each call, because it is renewed. */
export type TokenHolder = { readonly current: string | undefined };

/** How members are connected to. */
export const channelOptions: grpc.ChannelOptions = {
  // The default backoff grows to 120 s, and a member that is back would be reported as down for as long.
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 1000,
  // Channels of one target share their connections, and with them the error of the last attempt: a new one is to start anew.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  // The default of 4 MiB is less than one value may have where --max-request-bytes is raised. A page that is larger than this is asked for anew with fewer keys.
  'grpc.max_receive_message_length': 32 * 1024 ** 2,
  'grpc.service_config_disable_resolution': 1,
  // Members are asked directly: a proxy between would be what is diagnosed.
  'grpc.enable_http_proxy': 0,
};

/** etcd3's own authentication keeps a token per client; one per cluster spares the others a bcrypt each. */
export function withToken(token: TokenHolder): grpc.Interceptor {
  return (options, nextCall) =>
    new grpc.InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        if (token.current !== undefined) metadata.set('token', token.current);
        next(metadata, listener);
      },
    });
}
