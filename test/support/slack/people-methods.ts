import type { ApiMethod } from './api-call.ts';
import { ApiError, pageOf } from './api-call.ts';

/** auth.*, api.*, users.*, usergroups.*: who the bot is and who is there. */
export const peopleMethods: Readonly<Record<string, ApiMethod>> = {
  'api.test': (call) => {
    if (call.args.has('error')) throw new ApiError(call.args.text('error'));
    return { args: call.args.all };
  },

  'auth.test': ({ workspace, baseUrl }) => ({
    url: `${baseUrl}/`,
    team: workspace.teamName,
    user: workspace.botName,
    team_id: workspace.teamId,
    user_id: workspace.botUserId,
    bot_id: workspace.botId,
    is_enterprise_install: false,
  }),

  'team.info': ({ workspace }) => ({
    team: { id: workspace.teamId, name: workspace.teamName, domain: workspace.domain, is_verified: false },
  }),

  'bots.info': (call) => {
    call.requireScope(['users:read']);
    const { workspace } = call;
    if (call.args.has('bot') && call.args.text('bot') !== workspace.botId) throw new ApiError('bot_not_found');
    return {
      bot: {
        id: workspace.botId,
        deleted: false,
        name: workspace.botName,
        user_id: workspace.botUserId,
        app_id: workspace.appId,
      },
    };
  },

  'users.info': (call) => {
    call.requireScope(['users:read']);
    const person = call.workspace.people.get(call.args.required('user', 'user_not_found'));
    if (!person) throw new ApiError('user_not_found');
    return { user: call.wire.person(person) };
  },

  'users.list': (call) => {
    call.requireScope(['users:read']);
    const page = pageOf([...call.workspace.people.values()], call.args, { fallback: 1000, most: 1000 });
    return {
      members: page.items.map((person) => call.wire.person(person)),
      cache_ts: Math.floor(Date.now() / 1000),
      response_metadata: { next_cursor: page.nextCursor },
    };
  },

  'usergroups.list': (call) => {
    call.requireScope(['usergroups:read']);
    const withUsers = call.args.isSet('include_users');
    return {
      usergroups: [...call.workspace.groups.values()].map((group) => ({
        id: group.id,
        team_id: call.workspace.teamId,
        is_usergroup: true,
        name: group.handle,
        handle: group.handle,
        user_count: group.users.length,
        ...(withUsers ? { users: group.users } : {}),
      })),
    };
  },

  'usergroups.users.list': (call) => {
    call.requireScope(['usergroups:read']);
    const group = call.workspace.groups.get(call.args.required('usergroup', 'no_such_subteam'));
    if (!group) throw new ApiError('no_such_subteam');
    return { users: group.users };
  },
};
