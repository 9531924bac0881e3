import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Acts } from './acts.ts';
import { isFields, parseJson, textOf } from './json.ts';
import type { Machines } from './machines.ts';
import type { Modals, Values } from './modals.ts';
import type { Channel, Fields, Message, View } from './model.ts';
import { readAll } from './request-body.ts';
import type { Workspace } from './workspace.ts';

/** Beside this file in the sources, and where the sources lie when this file runs from `dist/test/support/slack`. */
const pageFiles = ['./page.html', '../../../../test/support/slack/page.html'];
/** Many changes in a row are shown together. */
const gatherMs = 25;
/** A tab that lost its connection may come back; one that was closed or loaded again does not. */
const tabReturnsMs = 600;

/** How the app is reached, for the page's status line. */
export type AppState = { readonly mode: 'socket' | 'http'; readonly connections: number };

/** The page and its small control surface: state as server-sent events, acts as JSON posts. Loopback and same origin only. */
export class PageServer {
  readonly #workspace: Workspace;
  readonly #acts: Acts;
  readonly #modals: Modals;
  readonly #machines: Machines;
  readonly #app: () => AppState;
  readonly #watchers = new Set<Watcher>();
  /** Which tab somebody acted in, by the trigger of the act: a modal belongs to the tab where it was opened. */
  readonly #tabs = new Map<string, string>();
  readonly #leaving = new Set<NodeJS.Timeout>();
  readonly #unsubscribe: () => void;
  #gathering: NodeJS.Timeout | null = null;

  constructor(options: {
    readonly workspace: Workspace;
    readonly acts: Acts;
    readonly modals: Modals;
    readonly machines: Machines;
    app(): AppState;
  }) {
    this.#workspace = options.workspace;
    this.#acts = options.acts;
    this.#modals = options.modals;
    this.#machines = options.machines;
    this.#app = options.app;
    this.#unsubscribe = this.#workspace.onChange(() => this.#changed());
  }

  async handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    if (!isLocal(request)) {
      response.writeHead(403, { 'content-type': 'text/plain' }).end('This page is served to this machine only.');
      return;
    }
    const [, first = '', second = '', third = ''] = url.pathname.split('/');
    if (request.method === 'GET' && first !== 'page') return this.#sendPage(response);
    if (request.method === 'GET' && second === 'state') return this.#sendState(response, url);
    if (request.method === 'GET' && second === 'events') return this.#watch(request, response, url);
    if (request.method === 'GET' && second === 'file') return this.#sendFile(response, third);
    if (request.method === 'POST' && second === 'upload') return this.#receiveFile(request, response, url);
    if (request.method === 'POST' && second === 'act') return this.#receiveAct(request, response);
    response.writeHead(404).end();
  }

  stop(): void {
    this.#unsubscribe();
    if (this.#gathering) clearTimeout(this.#gathering);
    for (const timer of this.#leaving) clearTimeout(timer);
    for (const { response } of this.#watchers) response.end();
  }

  async #sendPage(response: ServerResponse): Promise<void> {
    for (const file of pageFiles) {
      const html = await readFile(new URL(file, import.meta.url), 'utf8').catch(() => null);
      if (html === null) continue;
      response.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'content-security-policy': policyFor(html),
        'referrer-policy': 'no-referrer',
      });
      response.end(html);
      return;
    }
    response.writeHead(500, { 'content-type': 'text/plain' }).end('page.html is missing');
  }

  #sendState(response: ServerResponse, url: URL): void {
    sendJson(response, 200, this.#stateFor(this.#viewer(url), tabOf(url)));
  }

  #viewer(url: URL): string {
    const wanted = url.searchParams.get('as') ?? '';
    if (this.#workspace.people.has(wanted)) return wanted;
    return [...this.#workspace.people.values()].find((person) => !person.isBot)?.id ?? '';
  }

  #watch(request: IncomingMessage, response: ServerResponse, url: URL): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const watcher = { response, user: this.#viewer(url), tab: tabOf(url) };
    this.#watchers.add(watcher);
    response.write(`retry: ${tabReturnsMs / 4}\n\n`);
    request.on('close', () => {
      this.#watchers.delete(watcher);
      this.#leave(watcher.tab);
    });
    this.#tell(watcher);
  }

  /** The modals of a tab that does not come back are closed. */
  #leave(tab: string): void {
    const timer = setTimeout(() => {
      this.#leaving.delete(timer);
      if ([...this.#watchers].some((watcher) => watcher.tab === tab)) return;
      const views = [...this.#workspace.views.values()];
      this.#modals.drop(views.filter((view) => view.isOpen && this.#isIn(view, tab)));
    }, tabReturnsMs);
    timer.unref();
    this.#leaving.add(timer);
  }

  #isIn(view: View, tab: string): boolean {
    const { triggerId } = this.#workspace.views.get(view.rootId) ?? view;
    return triggerId !== null && this.#tabs.get(triggerId) === tab;
  }

  #changed(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = null;
      for (const watcher of this.#watchers) this.#tell(watcher);
    }, gatherMs);
    this.#gathering.unref();
  }

  #tell(watcher: Watcher): void {
    watcher.response.write(`data: ${JSON.stringify(this.#stateFor(watcher.user, watcher.tab))}\n\n`);
  }

  /** Everything that one person sees in one tab. */
  #stateFor(user: string, tab: string): Fields {
    const workspace = this.#workspace;
    const channels = [...workspace.channels.values()].filter((channel) => workspace.isMember(channel, user));
    return {
      team: { id: workspace.teamId, name: workspace.teamName },
      bot: { userId: workspace.botUserId, name: workspace.botName },
      viewer: user,
      ...this.#app(),
      commands: workspace.commands ?? [],
      people: [...workspace.people.values()],
      groups: [...workspace.groups.values()],
      names: [...workspace.channels.values()].map(({ id, name }) => ({ id, name })),
      channels: channels.map((channel) => this.#channelFor(channel, user)),
      machines: this.#machines.shown(),
      views: workspace.openViews(user).filter((view) => this.#isIn(view, tab)),
    };
  }

  #channelFor(channel: Channel, user: string): Fields {
    const workspace = this.#workspace;
    const seen = workspace
      .all(channel.id)
      .filter((message) => message.visibleTo === null || message.visibleTo === user);
    return {
      ...channel,
      hasBot: workspace.isMember(channel, workspace.botUserId),
      messages: seen.map((message) => this.#messageFor(message)),
    };
  }

  #messageFor(message: Message): Fields {
    const files = message.files.map((id) => {
      const file = this.#workspace.files.get(id);
      if (!file) return { id, name: 'deleted file', size: 0, mimetype: '', preview: '' };
      const isText = file.mimetype.startsWith('text/') || file.mimetype === 'application/json';
      const preview = isText ? new TextDecoder().decode(file.content.slice(0, 4000)) : '';
      return { id, name: file.name, title: file.title, size: file.content.length, mimetype: file.mimetype, preview };
    });
    return { ...message, files };
  }

  #sendFile(response: ServerResponse, id: string): void {
    const file = this.#workspace.files.get(id);
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    const isPicture = ['image/png', 'image/jpeg', 'image/gif'].includes(file.mimetype);
    response.writeHead(200, {
      'content-type': isPicture ? file.mimetype : 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'content-disposition': `${isPicture ? 'inline' : 'attachment'}; filename*=UTF-8''${encodeURIComponent(file.name)}`,
    });
    response.end(file.content);
  }

  async #receiveFile(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const content = await readAll(request);
    const file = this.#acts.uploadFile(this.#viewer(url), {
      name: url.searchParams.get('name') ?? 'file.txt',
      content,
    });
    sendJson(response, 200, { ok: true, id: file.id });
  }

  async #receiveAct(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = parseJson((await readAll(request)).toString('utf8'));
    // A JSON content type cannot be sent by a foreign page without asking first, and it is not allowed to ask.
    const isJson = request.headers['content-type']?.startsWith('application/json') === true;
    if (!isFields(body) || !isJson) return sendJson(response, 400, { ok: false, error: 'a JSON object is expected' });
    try {
      const result = await this.#act(body);
      if (typeof result.triggerId === 'string' && typeof body.tab === 'string') {
        this.#tabs.set(result.triggerId, body.tab);
        // The app may have opened a modal before it acknowledged.
        this.#changed();
      }
      sendJson(response, 200, { ok: true, ...result });
    } catch (error) {
      sendJson(response, 400, { ok: false, error: error instanceof Error ? error.message : 'failed' });
    }
  }

  async #act(body: Fields): Promise<Fields> {
    const user = textOf(body.user);
    const channel = textOf(body.channel);
    const ts = textOf(body.ts);
    const text = textOf(body.text);
    const value = typeof body.value === 'string' ? body.value : undefined;
    switch (body.act) {
      case 'slash':
        return this.#acts.slash(user, channel, text);
      case 'say': {
        const files = Array.isArray(body.files) ? body.files.map(textOf) : [];
        const message = this.#acts.say(user, channel, text, { files, ...(ts === '' ? {} : { threadTs: ts }) });
        return { ts: message.ts };
      }
      case 'click':
        return this.#acts.click(user, channel, ts, textOf(body.actionId), value);
      case 'react':
        this.#acts.react(user, channel, ts, textOf(body.name));
        return {};
      case 'dismiss': {
        const message = this.#workspace.message(channel, ts);
        if (message?.visibleTo === user) this.#workspace.remove(message);
        return {};
      }
      case 'submit':
        return this.#modals.submit(user, textOf(body.view), valuesOf(body.values));
      case 'useInView':
        return this.#modals.act(user, textOf(body.view), textOf(body.actionId), value);
      case 'closeView':
        await this.#modals.close(user, textOf(body.view));
        return {};
      case 'machine':
        await this.#machines.run(textOf(body.machine), textOf(body.name));
        return {};
      case 'direct':
        return { channel: this.#workspace.directMessage(user).id };
      default:
        throw new Error(`nobody can ${String(body.act)}`);
    }
  }
}

/** An open page: who is looking, and in which tab. */
type Watcher = { readonly response: ServerResponse; readonly user: string; readonly tab: string };

/** Each load of the page names itself. */
function tabOf(url: URL): string {
  return url.searchParams.get('tab') ?? '';
}

function valuesOf(value: unknown): Values {
  if (!isFields(value)) return {};
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, Array.isArray(each) ? each.map(textOf) : textOf(each)]),
  );
}

function sendJson(response: ServerResponse, status: number, body: Fields): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

/** Nothing but the page's own script runs, whatever a message holds. */
function policyFor(html: string): string {
  const script = /<script>([\s\S]*?)<\/script>/.exec(html)?.[1] ?? '';
  const hash = createHash('sha256').update(script).digest('base64');
  return [
    "default-src 'none'",
    `script-src 'sha256-${hash}'`,
    "style-src 'unsafe-inline'",
    "connect-src 'self'",
    "img-src 'self' data: http: https:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** Against other sites that a browser has open: the name in the address must be this machine's, and the page's own. */
function isLocal(request: IncomingMessage): boolean {
  const host = request.headers.host ?? '';
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host)) return false;
  const origin = request.headers.origin;
  return origin === undefined || origin === `http://${host}`;
}
