import { Worker } from 'bullmq';
import { redisOptions } from '../src/redis/connection-client.ts';

// The least that a worker can do: take a job, make one call to Slack. What Quorum's own is held against.
const [redisUrl = '', prefix = '', queueName = '', apiUrl = '', token = ''] = process.argv.slice(2);
const worker = new Worker<{ channel: string; text: string }>(
  queueName,
  async (job) => {
    const response = await fetch(`${apiUrl}chat.postMessage`, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8', authorization: `Bearer ${token}` },
      body: JSON.stringify(job.data),
    });
    await response.json();
  },
  { prefix, connection: redisOptions(redisUrl, { maxRetriesPerRequest: null }) },
);
await worker.waitUntilReady();
process.stdout.write(`${JSON.stringify({ event: 'ready' })}\n`);
