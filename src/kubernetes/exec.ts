import { z } from 'zod';
import { redact } from '../redact.ts';
import { Refusal } from '../refusal.ts';
import { shortened } from '../report/text.ts';
import type { Permission } from './cluster.ts';
import { type Asked, statusFailure } from './request-failure.ts';

/** Where a command is run. */
export type ExecPlace = { readonly namespace: string; readonly pod: string; readonly container: string };

export type ExecBounds = {
  /** From the first byte of the handshake to the end of the command. */
  readonly timeoutMs: number;
  /** Of standard output and error together; what comes after is left unread. */
  readonly limitBytes: number;
  readonly signal?: AbortSignal;
};

/** What a command in a container came to. */
export type ExecAnswer = {
  /** `ended`: it ended by itself. `too much`: it wrote more than was wanted. `deadline`: time was over. `cut`: the connection broke. */
  readonly ending: 'ended' | 'too much' | 'deadline' | 'cut';
  /** Undefined where it did not end, or nobody told how. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
};

/** Running commands in containers; a recording has none. */
export type ExecClient = {
  /** Whether the config lets Quorum run commands in this cluster's containers. */
  readonly allowsExec: boolean;
  /** Runs it once, without a terminal and without standard input. @throws ExecFailure where it was not run */
  run(place: ExecPlace, command: readonly string[], bounds: ExecBounds): Promise<ExecAnswer>;
};

/** What an exec over WebSocket is authorized as: `get`, for it is a GET, and from Kubernetes 1.35 on `create` too (KEP-4006). */
export const execVerbs = ['get', 'create'] as const satisfies readonly Permission['verb'][];

export type ExecFailureKind =
  | 'forbidden'
  | 'missing'
  | 'not running'
  /** There is no such program in the container: no shell, no cat. */
  | 'no program'
  /** Something between here and the API server does not let a WebSocket through. */
  | 'no upgrade'
  | 'unreachable'
  | 'refused';

/** Why a command was not run. */
export class ExecFailure extends Refusal {
  readonly kind: ExecFailureKind;

  constructor(kind: ExecFailureKind, message: string, advice: string) {
    super(message, advice);
    this.kind = kind;
  }
}

const statusSchema = z.object({
  status: z.string().optional(),
  message: z.string().optional(),
  reason: z.string().optional(),
  details: z
    .object({
      causes: z.array(z.object({ reason: z.string().optional(), message: z.string().optional() })).optional(),
    })
    .nullish(),
});

export type ExecStatus = z.infer<typeof statusSchema>;

/** The Status object with which the API server ends an exec (channel 3 of v4.channel.k8s.io); undefined where it is none. */
export function parseExecStatus(text: string): ExecStatus | undefined {
  try {
    const parsed = statusSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** @returns undefined where it does not tell an exit code: then the command was not run */
export function exitCodeIn({ status, details }: ExecStatus): number | undefined {
  if (status === 'Success') return 0;
  const cause = details?.causes?.find(({ reason }) => reason === 'ExitCode');
  const code = Number(cause?.message);
  return cause === undefined || !Number.isInteger(code) ? undefined : code;
}

const noProgram =
  /executable file .{0,200}not found|no such file or directory|permission denied|exec format error|not a directory/i;
const notRunning =
  /container not found|is not running|not created|not been created|cannot exec in a (?:stopped|deleted)|no running task|in a completed|does not have a host assigned|container .* is not valid/i;

/** Why a command could not be begun, from the runtime's or the kubelet's own words. */
export function notBegun({ container }: ExecPlace, program: string, said: string): ExecFailure {
  const shown = shownText(said);
  if (notRunning.test(said))
    return new ExecFailure(
      'not running',
      `Container ${container} does not run: ${shown}`,
      'Ask again once it runs; `/oom why` tells how it ended.',
    );
  if (noProgram.test(said))
    return new ExecFailure(
      'no program',
      `Container ${container} has no ${program}: ${shown}`,
      'Images without a shell are looked into with kubectl debug.',
    );
  return new ExecFailure(
    'refused',
    `${program} could not be started in container ${container}: ${shown}`,
    'Look at the kubelet and the container runtime of its node.',
  );
}

/** Why the API server did not take the exec, from the status with which it answered in place of a WebSocket. */
export function execRefused(asked: Asked, place: ExecPlace, status: number, said: string): ExecFailure {
  const { namespace, pod, container } = place;
  if (status === 403)
    return new ExecFailure(
      'forbidden',
      `pods/exec: forbidden: Quorum may not create pods/exec in namespace ${namespace}.`,
      `Grant get and create pods/exec in namespace ${namespace} to Quorum’s identity: \`quorum rbac\` prints it where allowExec is set.`,
    );
  if (status === 404 && !/not found/i.test(said))
    return new ExecFailure(
      'no upgrade',
      `${asked.address} knows no exec at this address (404).`,
      'Check the server address in the kubeconfig: a proxy may stand in front of the API server.',
    );
  if (status === 404)
    return new ExecFailure(
      'missing',
      `The pod ${namespace}/${pod} is gone (404).`,
      'Ask again with one that there is.',
    );
  if (notRunning.test(said))
    return new ExecFailure(
      'not running',
      `Container ${container} of ${namespace}/${pod} does not run: ${shownText(said)}`,
      'Ask again once it runs; `/oom why` tells how it ended.',
    );
  const isProxy = [200, 301, 302, 307, 308, 405, 426, 501, 502].includes(status) || /upgrade/i.test(said);
  if (isProxy)
    return new ExecFailure(
      'no upgrade',
      `Something between Quorum and ${asked.address} does not let a WebSocket through (${status}).`,
      'A proxy or load balancer in front of the API server has to pass on Connection: Upgrade; or let Quorum reach the API server itself.',
    );
  const { message, advice } = statusFailure(asked, status, said, undefined);
  return new ExecFailure('refused', message, advice);
}

/** Text of a runtime's, as it may be shown. */
export function shownText(said: string): string {
  const text = redact(said.replace(/\s+/g, ' ').trim());
  return text === '' ? 'it did not say why.' : shortened(text, 200);
}
