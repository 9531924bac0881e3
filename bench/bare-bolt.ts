import bolt from '@slack/bolt';
import { Queue } from 'bullmq';
import { redisOptions } from '../src/redis/connection-client.ts';

// The least that Bolt can do: a signed request, an acknowledgement; with a Redis, a job is put into it before.
const [signingSecret = '', redisUrl, prefix = ''] = process.argv.slice(2);
const queue =
  redisUrl === undefined ? undefined : new Queue('bare', { prefix, connection: redisOptions(redisUrl, {}) });
const app = new bolt.App({
  receiver: new bolt.HTTPReceiver({ signingSecret }),
  authorize: async () => ({ botToken: 'xoxb-0', botUserId: 'U0', botId: 'B0' }),
  logLevel: bolt.LogLevel.ERROR,
});
app.command(/.*/, async ({ command, ack }) => {
  await queue?.add('command', command);
  await ack();
});
const server = await app.start({ host: '127.0.0.1', port: 0 });
const at = server.address();
const port = typeof at === 'object' && at !== null && 'port' in at ? at.port : 0;
process.stdout.write(`${JSON.stringify({ event: 'ready', slack: `http://127.0.0.1:${port}` })}\n`);
