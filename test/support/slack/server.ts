import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Acts } from './acts.ts';
import type { Delivery, Timing } from './delivery.ts';
import { slackTiming } from './delivery.ts';
import { Faults } from './faults.ts';
import { receiveResponse, receiveUpload, sendFile } from './file-routes.ts';
import { ResponseUrls, Triggers } from './handles.ts';
import { HttpDelivery } from './http-delivery.ts';
import { Machines } from './machines.ts';
import { Modals } from './modals.ts';
import type { Channel, Thread } from './model.ts';
import type { AppState } from './page.ts';
import { PageServer } from './page.ts';
import { Payloads } from './payloads.ts';
import { plainMessage, plainThread } from './plain-text.ts';
import { RateLimits } from './rate-limits.ts';
import type { SlackOptions, SlackWorkspace } from './slack-workspace.ts';
import { newSecret, SocketDelivery } from './socket-delivery.ts';
import { WebApi } from './web-api.ts';
import { Wire } from './wire.ts';
import { Workspace } from './workspace.ts';

export type { SlackOptions, SlackWorkspace } from './slack-workspace.ts';

/** Starts a local Slack workspace on a free loopback port: Web API, Socket Mode, signed HTTP and, if asked, its page. */
export async function startSlack(options: SlackOptions = {}): Promise<SlackWorkspace> {
  const workspace = new Workspace(options.workspace ?? {});
  const timing: Timing = { ...slackTiming, ...options.timing };
  const postsPerSecond = options.postsPerSecond ?? 1;
  let port = options.port ?? 0;
  let requestUrl = options.requestUrl ?? null;
  const signingSecret = options.signingSecret ?? newSecret();
  const base = (): string => `http://127.0.0.1:${port}`;
  const changed = (): void => workspace.changed();

  const wire = new Wire(workspace, base);
  const payloads = new Payloads(workspace, wire);
  const faults = new Faults();
  const triggers = new Triggers(timing.triggerMs);
  const responseUrls = new ResponseUrls({ lifetimeMs: timing.responseUrlMs, base });
  const sockets = new SocketDelivery({ appId: workspace.appId, timing, onConnections: changed });
  const http = new HttpDelivery({ url: () => requestUrl ?? '', signingSecret, timing });
  const delivery = (): Delivery => (requestUrl === null ? sockets : http);
  const house = { workspace, payloads, triggers, responseUrls, timing, delivery, wireFile: wire.file.bind(wire) };
  const acts = new Acts(house);
  const modals = new Modals(house);
  const machines = new Machines(changed);
  const methods = options.methodLimits ?? (postsPerSecond > 1 ? 'none' : 'slack');
  const rates = new RateLimits({ postsPerSecond, methods });
  const newTicket = (): string => sockets.newTicket();
  const api = new WebApi({ workspace, wire, faults, rates, triggers, base, newTicket, onCall: changed });
  const appState = (): AppState => ({
    mode: requestUrl === null ? 'socket' : 'http',
    connections: sockets.connections,
  });
  const page = options.page === true ? new PageServer({ workspace, acts, modals, machines, app: appState }) : null;

  const route = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', base());
    const [, first = '', second = '', third = ''] = url.pathname.split('/');
    if (first === 'api') return api.handle(request, response, second, url.searchParams);
    if (first === 'upload') return receiveUpload(workspace, request, response, third);
    if (first === 'commands' || first === 'actions')
      return receiveResponse(workspace, responseUrls, request, response, url.pathname);
    if (first === 'files-pri') return sendFile(workspace, request, response, second);
    if (page !== null) return page.handle(request, response, url);
    response.writeHead(404).end();
  };

  const server = createServer((request, response) => {
    route(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else
        response
          .writeHead(500, { 'content-type': 'text/plain' })
          .end(error instanceof Error ? error.message : 'failed');
    });
  });
  server.on('upgrade', (request, socket, head) => sockets.upgrade(request, socket, head));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  port = (server.address() as AddressInfo).port;

  const known = (id: string): Channel => {
    const channel = workspace.channels.get(id) ?? [...workspace.channels.values()].find((each) => each.name === id);
    if (!channel) throw new Error(`no channel ${id}`);
    return channel;
  };
  const threadsOf = (channel: Channel): Thread[] =>
    workspace
      .visible(channel.id)
      .filter((message) => message.threadTs === null)
      .map((root) => ({ ...root, replies: workspace.replies(channel.id, root.ts) }));
  const directWith = (user: string): Channel | undefined =>
    [...workspace.channels.values()].find((channel) => channel.directWith === user);
  const threadOf = (channel: string, ts: string): Thread => {
    const message = workspace.message(known(channel).id, ts);
    if (!message) throw new Error(`no message ${ts} in ${channel}`);
    const root = message.threadTs === null ? message : workspace.message(message.channel, message.threadTs);
    return { ...(root ?? message), replies: workspace.replies(message.channel, (root ?? message).ts) };
  };
  const latest = (): string =>
    [...workspace.channels.values()]
      .flatMap((channel) => workspace.all(channel.id))
      .slice(-5)
      .map((message) => `${message.user}: ${plainMessage(workspace, message).slice(0, 300)}`)
      .join('\n');

  return {
    apiUrl: `${base()}/api/`,
    pageUrl: `${base()}/`,
    botToken: workspace.botToken,
    appToken: workspace.appToken,
    signingSecret,
    botUserId: workspace.botUserId,
    teamId: workspace.teamId,
    setRequestUrl(url) {
      requestUrl = url;
    },
    requestUrl: () => requestUrl,
    verifyRequestUrl: () => http.verify(payloads.token),
    sslCheck: async () => ((await http.sslCheck(payloads.token)).kind === 'acked' ? 'ok' : 'failed'),

    addUser: (person) => workspace.addPerson(person),
    addUserGroup: (group) => workspace.addGroup(group),
    addChannel: (channel) => workspace.addChannel(channel),
    addDirectMessage: (first, second) => workspace.addDirectMessage(first, second),
    openDirectMessage: (user) => workspace.directMessage(user),
    archive(channel) {
      known(channel).isArchived = true;
      changed();
    },
    invite(channel, user) {
      const place = known(channel);
      place.members = [...new Set([...place.members, user])];
      changed();
    },
    kick(channel, user) {
      const place = known(channel);
      place.members = place.members.filter((member) => member !== user);
      changed();
    },
    deactivate(user) {
      const person = workspace.people.get(user);
      if (person) person.isDeleted = true;
      changed();
    },

    slash: (user, channel, text) => acts.slash(user, channel, text),
    mention: (user, channel, text, say) => acts.say(user, channel, `<@${workspace.botUserId}> ${text}`, say),
    say: (user, channel, text, say) => acts.say(user, channel, text, say),
    click: (user, channel, ts, actionId, value) => acts.click(user, channel, ts, actionId, value),
    react: (user, channel, ts, name) => acts.react(user, channel, ts, name),
    submitView: (user, viewId, values) => modals.submit(user, viewId, values),
    actInView: (user, viewId, actionId, value) => modals.act(user, viewId, actionId, value),
    closeView: (user, viewId) => modals.close(user, viewId),
    uploadFile: (user, file) => acts.uploadFile(user, file),

    channel: (id) => threadsOf(known(id)),
    thread: threadOf,
    ephemerals: (user, channel) => workspace.all(known(channel).id).filter((message) => message.visibleTo === user),
    directMessages(user) {
      const channel = directWith(user);
      return channel ? threadsOf(channel) : [];
    },
    views: (user) => workspace.openViews(user),
    file: (id) => workspace.files.get(id),
    threadText(channel, ts) {
      const thread = threadOf(channel, ts);
      return plainThread(workspace, thread, thread.replies);
    },
    messageText: (message) => plainMessage(workspace, message),
    waitFor: (predicate, waiting) =>
      new Promise((resolve, reject) => {
        const timeoutMs = waiting?.timeoutMs ?? 5000;
        let end = (): void => {};
        const ask = (): void => {
          try {
            const value = predicate();
            if (value === undefined || value === null || value === false) return;
            end();
            resolve(value);
          } catch (error) {
            end();
            reject(error);
          }
        };
        const timer = setTimeout(() => {
          end();
          reject(new Error(`waited ${timeoutMs} ms for ${waiting?.what ?? 'the workspace'}; last said:\n${latest()}`));
        }, timeoutMs);
        const unsubscribe = workspace.onChange(ask);
        end = () => {
          clearTimeout(timer);
          unsubscribe();
        };
        ask();
      }),

    addMachine: (machine) => machines.add(machine),

    fault: (fault) => faults.add(fault),
    clearFaults: () => faults.clear(),
    disconnectSockets: (how) => sockets.disconnect(how),
    connections: () => sockets.connections,
    calls: () => api.calls,
    async stop() {
      acts.stop();
      machines.stop();
      http.stop();
      await sockets.stop();
      page?.stop();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
