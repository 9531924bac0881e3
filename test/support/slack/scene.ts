import bolt from '@slack/bolt';
import type { SlackWorkspace } from './server.ts';
import { startSlack } from './server.ts';

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC';

const plain = (text: string): bolt.types.PlainTextElement => ({ type: 'plain_text', text });

/** A workspace where much has been said already: every kind of block, a file, hostile text, somebody who is a guest. */
export async function livelyWorkspace(): Promise<SlackWorkspace> {
  const slack = await startSlack({
    page: true,
    postsPerSecond: 1000,
    timing: { ackMs: 450 },
    workspace: {
      teamName: 'Acme on call',
      commands: [
        {
          command: '/etcd',
          description: 'Health of etcd clusters',
          usageHint: 'health | members',
          examples: ['/etcd health', '/etcd members'],
        },
        { command: '/oom', description: 'Why a Java pod was killed', usageHint: 'why <pod> | heap' },
      ],
    },
  });
  slack.addUser({ id: 'U1', name: 'ann', realName: 'Ann Okafor' });
  slack.addUser({ id: 'U2', name: 'bob', realName: 'Bob Lindqvist' });
  slack.addUser({ id: 'U3', name: 'cy', realName: 'Cy Guest', isGuest: true });
  slack.addChannel({ id: 'C1', name: 'ops', members: ['U1', 'U2', 'U3'] });
  slack.addChannel({ id: 'C2', name: 'random', members: ['U1', 'U2'], botIsMember: false });
  slack.addChannel({ id: 'C3', name: 'postmortems', members: ['U1'], isPrivate: true });
  return slack;
}

/** A bot that answers a command or not, fills the channel, and asks for a reason in a modal. */
export async function startSceneBot(slack: SlackWorkspace): Promise<bolt.App> {
  const clientOptions = { slackApiUrl: slack.apiUrl };
  const logLevel = bolt.LogLevel.ERROR;
  const receiver = new bolt.SocketModeReceiver({
    appToken: slack.appToken,
    logLevel,
    installerOptions: { clientOptions },
  });
  const app = new bolt.App({ token: slack.botToken, receiver, clientOptions, logLevel });
  app.command('/etcd', async ({ ack, command }) => {
    if (command.text === 'help') await ack('Usage: `/etcd health`');
    else if (command.text !== 'silence') await ack();
    if (command.text !== 'members') return;
    const { channel_id: channel } = command;
    const root = await app.client.chat.postMessage({ channel, text: `prod: 3 voters, asked by <@${command.user_id}>` });
    await app.client.chat.postMessage({ channel, thread_ts: root.ts ?? '', text: 'etcd-1, etcd-2 and etcd-3' });
  });
  app.action('again', async ({ ack, body, client }) => {
    await ack();
    if (!('trigger_id' in body)) return;
    await client.views.open({
      trigger_id: body.trigger_id,
      view: {
        type: 'modal',
        callback_id: 'why',
        title: plain('Run it again?'),
        submit: plain('Run'),
        blocks: [
          { type: 'section', text: { type: 'mrkdwn', text: 'This asks *all three* members again.' } },
          {
            type: 'input',
            block_id: 'reason',
            label: plain('Reason'),
            hint: plain('It goes to the audit.'),
            element: { type: 'plain_text_input', action_id: 'text', multiline: true },
          },
          {
            type: 'input',
            block_id: 'cluster',
            label: plain('Cluster'),
            element: {
              type: 'static_select',
              action_id: 'cluster',
              initial_option: { text: plain('prod'), value: 'prod' },
              options: [
                { text: plain('prod'), value: 'prod' },
                { text: plain('staging'), value: 'staging' },
              ],
            },
          },
          {
            type: 'input',
            block_id: 'log',
            optional: true,
            label: plain('Log'),
            element: { type: 'file_input', action_id: 'log', filetypes: ['txt'], max_files: 1 },
          },
        ],
      },
    });
  });
  app.view('why', async ({ ack, body, view, client }) => {
    const reason = view.state.values.reason?.text?.value ?? '';
    if (reason.length < 5) return ack({ response_action: 'errors', errors: { reason: 'A few words more, please.' } });
    await ack();
    const cluster = view.state.values.cluster?.cluster?.selected_option?.value;
    await client.chat.postMessage({ channel: 'C1', text: `<@${body.user.id}> runs it again on ${cluster}: ${reason}` });
  });
  await app.start();
  await fill(slack, app);
  return app;
}

async function fill(slack: SlackWorkspace, app: bolt.App): Promise<void> {
  const { chat, files } = app.client;
  const now = Math.floor(Date.now() / 1000);
  slack.say('U2', 'C1', 'morning! anything on fire? @ann');
  slack.say('U1', 'C1', 'payments-7d9f is restarting, see https://grafana.example/d/jvm');
  const older = await chat.postMessage({
    channel: 'C1',
    text: ':white_check_mark: *staging*: 3 of 3 healthy, can lose 1, leader etcd-1',
  });
  await chat.postMessage({ channel: 'C1', thread_ts: older.ts ?? '', text: 'All three answered within 12 ms.' });
  const root = await chat.postMessage({
    channel: 'C1',
    text: 'prod: 2 of 3 healthy',
    blocks: [
      {
        type: 'section',
        text: { type: 'mrkdwn', text: `:warning: *prod: 2 of 3 healthy, can lose 0*, leader etcd-2, 1.2 GB of 8 GB` },
      },
      {
        type: 'context',
        elements: [
          { type: 'mrkdwn', text: `asked by <@U1> · as of <!date^${now}^{time}|12:00 UTC>, from quorum@bastion` },
        ],
      },
    ],
  });
  const threadTs = root.ts ?? '';
  await chat.postMessage({
    channel: 'C1',
    thread_ts: threadTs,
    text: 'details',
    blocks: [
      { type: 'header', text: plain('etcd-3 does not answer') },
      {
        type: 'section',
        text: {
          type: 'mrkdwn',
          text: '*etcd-3* was unreachable from here: `connection refused`\n> dial tcp 10.0.0.3:2379: connect: connection refused\n_Since_ 12 minutes. ~Ignore~ *Do this next*:\n```\nETCDCTL_API=3 etcdctl --endpoints=https://10.0.0.3:2379 endpoint status -w table\n```',
        },
      },
      {
        type: 'section',
        fields: [
          { type: 'mrkdwn', text: '*Quorum*\n2 of 3' },
          { type: 'mrkdwn', text: '*Writes*\ngo on; one more loss stops them' },
        ],
      },
      { type: 'divider' },
      {
        type: 'table',
        column_settings: [{}, {}, { align: 'right' }, { is_wrapped: true }],
        rows: [
          ['member', 'state', 'db', 'note'],
          ['etcd-1', 'healthy', '1.2 GB', 'follower, lag 0'],
          ['etcd-2', 'leader', '1.2 GB', 'term 7'],
          ['etcd-3', 'unreachable', '?', 'refused on 10.0.0.3:2379'],
        ].map((row) => row.map((text) => ({ type: 'raw_text' as const, text }))),
      },
      {
        type: 'actions',
        elements: [
          { type: 'button', action_id: 'again', style: 'primary', text: plain('Run again') },
          { type: 'button', action_id: 'nobody', text: plain('Details') },
          {
            type: 'button',
            action_id: 'drop',
            style: 'danger',
            text: plain('Remove etcd-3'),
            confirm: {
              title: plain('Remove etcd-3?'),
              text: plain('Two voters remain: no further loss is survived.'),
              confirm: plain('Remove'),
              deny: plain('Keep it'),
              style: 'danger',
            },
          },
        ],
      },
    ],
  });
  await chat.postMessage({
    channel: 'C1',
    thread_ts: threadTs,
    text: 'progress',
    blocks: [
      {
        type: 'plan',
        title: 'Defragment prod',
        tasks: [
          {
            type: 'task_card',
            task_id: '1',
            title: 'Snapshot',
            status: 'complete',
            output: {
              type: 'rich_text',
              elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text: '1.2 GB in 8 s' }] }],
            },
          },
          { type: 'task_card', task_id: '2', title: 'etcd-1', status: 'in_progress' },
          { type: 'task_card', task_id: '3', title: 'etcd-2 (leader, last)', status: 'pending' },
          { type: 'task_card', task_id: '4', title: 'etcd-3', status: 'error' },
        ],
      },
      {
        type: 'markdown',
        text: '**Why**: the backend holds *4 times* its data. See [the docs](https://etcd.io/docs).\n\n1. first\n2. then',
      },
      { type: 'alert', level: 'warning', text: { type: 'mrkdwn', text: 'Writes pause for about *2 s* a member.' } },
    ],
  });
  await files.uploadV2({
    channel_id: 'C1',
    thread_ts: threadTs,
    filename: 'memory.png',
    title: 'Memory against limit',
    file: Buffer.from(png, 'base64'),
  });
  await files.uploadV2({
    channel_id: 'C1',
    thread_ts: threadTs,
    filename: 'gc.log',
    file: Buffer.from('[12.1s] GC(41) Pause Full 498M->497M(512M)\n<b>not bold</b>\n'),
  });
  slack.say('U1', 'C1', '<script>window.hacked=1</script> <img src=x onerror="window.hacked=2"> *bold* & "quotes"', {
    threadTs,
  });
  slack.react('U2', 'C1', threadTs, 'eyes');
}
