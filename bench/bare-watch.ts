import { KubeConfig, Watch } from '@kubernetes/client-node';

// The least that a watch can do: see a pod change, make one call to Slack. What Quorum's own is held against.
const [kubeconfig = '', apiUrl = '', token = '', channel = ''] = process.argv.slice(2);
const config = new KubeConfig();
config.loadFromFile(kubeconfig);
await new Watch(config).watch(
  '/api/v1/pods',
  {},
  (
    _phase,
    pod: { metadata: { name: string }; status?: { containerStatuses?: { lastState?: { terminated?: object } }[] } },
  ) => {
    if (pod.status?.containerStatuses?.[0]?.lastState?.terminated === undefined) return;
    void fetch(`${apiUrl}chat.postMessage`, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8', authorization: `Bearer ${token}` },
      body: JSON.stringify({ channel, text: pod.metadata.name }),
    });
  },
  () => process.exit(1),
);
process.stdout.write(`${JSON.stringify({ event: 'ready' })}\n`);
