import type { EtcdClusterConfig } from './cluster.ts';
import { type Failure, failureOf, settled } from './failure.ts';
import { firstAnswer } from './first-answer.ts';
import type { TokenHolder } from './member-channel-client.ts';
import type { MemberClient } from './member-client.ts';

/** How long "authentication is not enabled" is believed. */
const disabledCheckMs = 30_000;
const authDisabled: Failure = { kind: 'auth-disabled', code: 9, said: 'etcdserver: authentication is not enabled' };

/** The one token of a cluster: got from any member, shared by all clients, renewed when a member no longer knows it. */
export class ClusterToken implements TokenHolder {
  current: string | undefined;
  private readonly auth: EtcdClusterConfig['auth'];
  private readonly timeoutMs: number;
  private readonly askable: () => readonly MemberClient[];
  private attempt: Promise<Failure | undefined> | undefined;
  private disabledAt = Number.NEGATIVE_INFINITY;

  constructor(auth: EtcdClusterConfig['auth'], timeoutMs: number, askable: () => readonly MemberClient[]) {
    this.auth = auth;
    this.timeoutMs = timeoutMs;
    this.askable = askable;
  }

  /** Gets a token where a user is configured and none is held; callers side by side share the attempt. */
  ensure(): Promise<Failure | undefined> {
    const { auth } = this;
    if (auth === undefined || this.current !== undefined) return Promise.resolve(undefined);
    if (performance.now() - this.disabledAt < disabledCheckMs) return Promise.resolve(authDisabled);
    this.attempt ??= this.authenticate(auth);
    return this.attempt;
  }

  /** Makes a call; where the server no longer knows our token, gets another and makes it once more: it was refused, not done. */
  async carry<T>(call: () => Promise<T>): Promise<T> {
    const used = this.current;
    try {
      return await call();
    } catch (error) {
      if (used === undefined || failureOf(error).kind !== 'token-expired') throw error;
      if (this.current === used) this.current = undefined;
      if ((await this.ensure()) !== undefined) throw error;
      return await call();
    }
  }

  private async authenticate({
    username,
    password,
  }: NonNullable<EtcdClusterConfig['auth']>): Promise<Failure | undefined> {
    const deadline = new Date(Date.now() + this.timeoutMs);
    const answer = await settled(
      firstAnswer(this.askable(), this.timeoutMs / 4, (client) => client.authenticate(username, password, deadline)),
    );
    this.current = answer.value;
    if (answer.failure?.kind === 'auth-disabled') this.disabledAt = performance.now();
    this.attempt = undefined;
    return answer.failure;
  }
}
