import { afterEach, describe, expect, test } from '@jest/globals';
import { oomFix } from '../../jobs/oom/fix.ts';
import { blockedBy, checkIn, type FixRoom, openFixRoom, sectionIn } from '../support/fix-room.ts';
import { type KubernetesObject, listAt } from '../support/kubernetes/object.ts';
import { type WorkloadRecipe, workloadObjects } from '../support/kubernetes/workloads.ts';
import { waitFor } from '../support/process.ts';
import { driveChange } from '../support/step-driver.ts';
import { refusalOf } from '../support/why.ts';

let room: FixRoom | undefined;
afterEach(async () => {
  await room?.stop();
  room = undefined;
});

async function roomWith(
  recipe: WorkloadRecipe = {},
  others: readonly KubernetesObject[] = [],
  options: Parameters<typeof openFixRoom>[1] = {},
): Promise<FixRoom> {
  room = await openFixRoom([...workloadObjects(recipe), ...others], options);
  return room;
}

const ours = '-XX:MaxDirectMemorySize=16m -XX:+ExitOnOutOfMemoryError';
const envOf = (api: FixRoom['api'], kind = 'Deployment', name = 'orders') => {
  const [container] = listAt(api.get(kind, 'shop', name), 'spec', 'template', 'spec', 'containers');
  return listAt(container, 'env');
};

describe('the plan of a fix', () => {
  test('binds to the workload, to its template and to the fields, and to nothing that fluctuates', async () => {
    const { fix, api } = await roomWith({ container: { args: ['-Xss512k'] } });
    const first = await fix();
    expect(first.plan).toMatchObject({
      cluster: 'prod',
      kind: 'Deployment',
      namespace: 'shop',
      name: 'orders',
      uid: 'uid-orders',
      edit: { container: 'app', list: 'containers', variable: 'JAVA_TOOL_OPTIONS', limit: null, request: null },
    });
    expect(first.target).toEqual({ kind: 'workload', name: 'prod', identity: 'uid-orders' });
    expect(first.plan.templateHash).toMatch(/^[0-9a-f]{64}$/);
    // A pod that keeps dying changes its workload's status, and its resourceVersion, every minute.
    const { metadata: _metadata, ...seen } = api.get('Deployment', 'shop', 'orders');
    api.load([
      { ...api.get('Deployment', 'shop', 'orders'), status: { ...(seen.status as object), readyReplicas: 0 } },
    ]);
    expect((await fix()).plan).toEqual(first.plan);
  });

  test('says what it sets, what it restarts and what it was reckoned from', async () => {
    const { fix } = await roomWith();
    const proposal = await fix();
    expect(proposal.words).toBe(
      `set -XX:MaxRAMPercentage=60.9 ${ours} in JAVA_TOOL_OPTIONS of container app of deploy/orders in shop`,
    );
    expect(sectionIn(proposal, 'Difference')).toBe(
      `- app env[JAVA_TOOL_OPTIONS]: -XX:MaxRAMPercentage=95.0\n+ app env[JAVA_TOOL_OPTIONS]: -XX:MaxRAMPercentage=60.9 ${ours}`,
    );
    expect(sectionIn(proposal, 'What it restarts')).toBe(
      '2 pods of deploy/orders: at most 1 more and 0 fewer at a time.',
    );
    expect(sectionIn(proposal, 'Why')).toContain('OOM-killed (4 restarts)');
    expect(blockedBy(proposal)).toEqual([]);
    expect(proposal.checks.filter(({ status }) => status !== 'ok')).toEqual([]);
  });

  test('keeps what the variable holds, and replaces the same flags only', async () => {
    const value = '-javaagent:/a.jar -Xmx2g "-Dgreeting=good day" -Dx.password=$(DB_PASSWORD) -Xms64m';
    const { fix } = await roomWith({ container: { env: [{ name: 'JAVA_TOOL_OPTIONS', value }] } });
    const proposal = await fix();
    expect(sectionIn(proposal, 'Difference')).toBe(
      [
        '- app env[JAVA_TOOL_OPTIONS]: -javaagent:/a.jar -Xmx2g "-Dgreeting=good day" -Dx.password=*** -Xms64m',
        `+ app env[JAVA_TOOL_OPTIONS]: -javaagent:/a.jar "-Dgreeting=good day" -Dx.password=*** -Xms64m -Xmx312m ${ours}`,
      ].join('\n'),
    );
    expect(JSON.stringify(proposal)).not.toContain('correct-horse');
  });

  test('raises the limit, and the request with it, where no heap fits', async () => {
    const { fix } = await roomWith({
      container: { resources: { limits: { memory: '128Mi' }, requests: { memory: '64Mi' } } },
    });
    const { plan, words } = await fix();
    expect(plan.edit).toMatchObject({ limit: '192Mi', request: '192Mi', flags: expect.arrayContaining(['-Xmx84m']) });
    expect(words).toContain('and the memory limit and request to 192Mi of container app');
  });

  test('--limit reckons the flags with another limit; --keep-resources leaves requests alone', async () => {
    const { fix } = await roomWith({
      container: { resources: { limits: { memory: '512Mi' }, requests: { memory: '256Mi' } } },
    });
    expect((await fix()).plan.edit).toMatchObject({ limit: null, request: '512Mi' });
    expect((await fix({ resources: 'keep' })).plan.edit).toMatchObject({ limit: null, request: null });
    expect((await fix({ limitBytes: 768 * 1024 ** 2 })).plan.edit).toMatchObject({
      limit: '768Mi',
      request: '768Mi',
      flags: expect.arrayContaining(['-XX:MaxRAMPercentage=72.1']),
    });
  });

  test('goes where the flags count: the variable that wins today', async () => {
    const { fix } = await roomWith({ container: { env: [{ name: 'JDK_JAVA_OPTIONS', value: '-Xmx2g -Dx=y' }] } });
    const { plan } = await fix();
    expect(plan.edit.variable).toBe('JDK_JAVA_OPTIONS');
  });

  test('leaves out what a later flag beats, and says so', async () => {
    const { fix } = await roomWith({
      container: { command: ['java', '-XX:-ExitOnOutOfMemoryError', '-jar', '/app.jar'] },
    });
    const proposal = await fix();
    expect(proposal.plan.edit.flags).not.toContain('-XX:+ExitOnOutOfMemoryError');
    expect(checkIn(proposal, 'Nothing later overrides it')).toMatchObject({
      status: 'warning',
      seen: '-XX:-ExitOnOutOfMemoryError (command line) comes later than -XX:+ExitOnOutOfMemoryError: left out here.',
    });
  });
});

describe('what the image sets', () => {
  const none = { env: [] as object[] };
  const picked = (text: string) => `Picked up JAVA_TOOL_OPTIONS: ${text}\nStarted\n`;

  test('is kept in front of the flags, where the log tells it', async () => {
    const { fix, api } = await roomWith({ container: none });
    for (const previous of [true, false])
      api.setLog('shop', 'orders-6f2-p1', 'app', picked('-javaagent:/otel.jar -Xmx480m'), { previous });
    const proposal = await fix();
    expect(proposal.plan.edit.flags).toEqual(['-javaagent:/otel.jar', '-Xmx312m', ...ours.split(' ')]);
    expect(checkIn(proposal, 'What the image sets stays').seen).toBe(
      'The log tells that the image sets JAVA_TOOL_OPTIONS: that goes in front of the new flags.',
    );
  });

  test('does not make the variable that is new beside others look like somebody else’s doing', async () => {
    const { fix, api } = await roomWith({ container: { env: [{ name: 'STAGE', value: 'prod' }] } });
    for (const previous of [true, false]) api.setLog('shop', 'orders-6f2-p1', 'app', picked('-Xmx480m'), { previous });
    expect(checkIn(await fix(), 'The API server takes it (dry run)')).toMatchObject({
      status: 'ok',
      seen: 'It would store exactly this.',
    });
  });

  test('is not written down where it is a secret', async () => {
    const { fix, api } = await roomWith({ container: none });
    api.setLog('shop', 'orders-6f2-p1', 'app', picked('-Dx.password=hunter2 -Xmx480m'), { previous: true });
    const refusal = await refusalOf(fix());
    expect(refusal.message).toBe(
      'The image sets JAVA_TOOL_OPTIONS, and what it holds is not to be shown: one of the container’s own would hide it.',
    );
    expect(JSON.stringify([refusal.message, refusal.advice])).not.toContain('hunter2');
  });

  test('is unknown where no log is left that would tell', async () => {
    const { fix } = await roomWith({
      container: { env: [], command: ['java', '-XX:MaxRAMPercentage=95', '-jar', '/a.jar'] },
    });
    const looked = await fix().catch((error: unknown) => error);
    // The size on the command line wins over any variable.
    expect(String(looked)).toContain('comes later than any variable');
    await room?.stop();
    const other = await roomWith({
      container: { env: [{ name: 'JDK_JAVA_OPTIONS', value: '-Dx=y' }], image: 'openjdk:8u181-jre' },
    });
    expect(checkIn(await other.fix(), 'What the image sets stays')).toMatchObject({
      status: 'unknown',
      seen: 'Whether the image sets JAVA_TOOL_OPTIONS itself could not be seen: one of the container’s own hides it.',
    });
  });
});

test('where a script of the image starts java, that it may give a size of its own is told and not taken for fine', async () => {
  const { fix } = await roomWith({
    container: {
      image: 'openjdk:8u181-jre',
      command: ['/start.sh'],
      env: [{ name: 'JAVA_TOOL_OPTIONS', value: '-Dx=y' }],
    },
  });
  expect(checkIn(await fix(), 'Nothing later overrides it')).toMatchObject({
    status: 'unknown',
    seen: 'The command is a script: flags that it gives to java itself cannot be seen.',
  });
});

describe('a fix is refused', () => {
  const map = { name: 'JAVA_TOOL_OPTIONS', valueFrom: { configMapKeyRef: { name: 'jvm', key: 'flags' } } };
  const secret = { name: 'JAVA_TOOL_OPTIONS', valueFrom: { secretKeyRef: { name: 'jvm', key: 'flags' } } };
  const jvmMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'shop', name: 'jvm' },
    data: { flags: '-Xmx2g' },
  };

  test.each<[string, WorkloadRecipe, string, string]>([
    [
      'where the command line says how large the heap is',
      { container: { command: ['java', '-Xmx2g', '-jar', '/app.jar'] } },
      'The command line of container app says -Xmx2g, which comes later than any variable and wins.',
      'Change it there, to -Xmx312m',
    ],
    [
      'where a JDK 8 would ignore the variable for its length, and with it all that it holds',
      {
        container: {
          image: 'openjdk:8u382-jre',
          env: [{ name: 'JAVA_TOOL_OPTIONS', value: `-Dlong=${'x'.repeat(1000)} -Xmx2g` }],
        },
      },
      'JAVA_TOOL_OPTIONS would be 1072 bytes long, and JDK 8 ignores all of one that is longer than 1023.',
      'Move some of what it holds to the command line first: kubectl edit deploy/orders -n shop',
    ],
    [
      'where the variable comes from a config map',
      { container: { env: [map] } },
      'JAVA_TOOL_OPTIONS comes from config map jvm, key flags: one of the container’s own would hide what it holds.',
      'kubectl rollout restart deploy/orders -n shop',
    ],
    [
      'where the variable comes from a secret that is not read',
      { container: { env: [secret] } },
      'Not all flags of this JVM can be seen from here, so nothing is set over them.',
      'JAVA_TOOL_OPTIONS',
    ],
    [
      'where it is no Java',
      { container: { image: 'nginx:1.21', command: [], env: [] } },
      'Container app is not Java (its image is nginx:1.21): there are no JVM flags to set.',
      'The kernel killed it',
    ],
    [
      'where the heap is not the trouble',
      { container: { command: ['java', '-jar', '/app.jar'], env: [{ name: 'JAVA_TOOL_OPTIONS', value: '-Xmx128m' }] } },
      'It is not the heap: with at most 128 MiB of it, 384 MiB or more grew beside it. Leave -Xmx as it is.',
      'Look for what grows beside the heap',
    ],
    [
      'where a quote is open',
      { container: { env: [{ name: 'JAVA_TOOL_OPTIONS', value: '-Dx="a' }] } },
      'Not all flags of this JVM can be seen from here, so nothing is set over them.',
      '',
    ],
  ])('%s', async (_what, recipe, message, advice) => {
    const { fix } = await roomWith(recipe, [jvmMap]);
    const refusal = await refusalOf(fix());
    expect(refusal.message).toContain(message);
    expect(refusal.advice).toContain(advice);
  });

  test('for what has no template that can be changed', async () => {
    const bare = (name: string, owner: object[]): KubernetesObject => {
      const [, , , , , dying] = workloadObjects({ replicas: 2 });
      const pod = dying as KubernetesObject;
      return { ...pod, metadata: { ...pod.metadata, name, labels: { app: name }, ownerReferences: owner } };
    };
    const rollout = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', name: 'pay', uid: 'r', controller: true };
    const { fix } = await roomWith({}, [
      bare('bare', []),
      bare('nightly-x', [{ apiVersion: 'batch/v1', kind: 'Job', name: 'nightly', uid: 'j', controller: true }]),
      bare('pay-1', [rollout]),
    ]);
    const said = async (workload: string) => (await refusalOf(fix({ workload }))).message;
    expect(await said('bare')).toBe(
      'The pod bare belongs to no workload: nothing would make it anew with other flags.',
    );
    expect(await said('nightly-x')).toContain('the pod template of a Job is fixed');
    expect(await said('pay-1')).toBe(
      'The pod pay-1 belongs to Rollout pay, which Quorum does not change: Deployments, StatefulSets and DaemonSets are what it can.',
    );
  });

  test('where a larger limit than the one that is wanted is needed, and named', async () => {
    const { fix } = await roomWith({ container: { resources: { limits: { memory: '128Mi' } } } });
    const refusal = await refusalOf(fix({ limitBytes: 130 * 1024 ** 2 }));
    expect(refusal.message).toBe('No heap worth running with fits into 130 MiB.');
    expect(refusal.advice).toBe('Name 192Mi or more, or ask without --limit.');
  });
});

describe('a check warns', () => {
  test.each<[string, WorkloadRecipe, string, string, string]>([
    [
      'of what the next kubectl apply takes back',
      { metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } } },
      'deploy/orders',
      'Nobody keeps it from elsewhere',
      'It was made with kubectl apply: the next time that is done, what it says counts again.',
    ],
    [
      'of Argo CD where only a setting for it is there, and nothing that names the application',
      { metadata: { annotations: { 'argocd.argoproj.io/sync-wave': '2' } } },
      'deploy/orders',
      'Nobody keeps it from elsewhere',
      'The annotation argocd.argoproj.io/sync-wave is for Argo CD',
    ],
    [
      'of a partition that keeps pods as they are',
      { kind: 'StatefulSet', spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } } },
      'sts/orders',
      'No rollout is under way',
      'Its partition keeps 1 pod of the lowest numbers as they are',
    ],
    [
      'of the downtime of a single pod',
      {
        replicas: 1,
        ready: 1,
        spec: { strategy: { type: 'Recreate' } },
        container: { env: [{ name: 'JAVA_TOOL_OPTIONS', value: '-Xmx2g' }] },
      },
      'deploy/orders',
      'Somebody answers meanwhile',
      'Its strategy is Recreate: all pods may stop before new ones are ready.',
    ],
    [
      'of a claim that two pods would share',
      { podSpec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'orders-data' } }] } },
      'deploy/orders',
      'Somebody answers meanwhile',
      'New pods start beside the old ones and share the claim orders-data.',
    ],
  ])('%s', async (_what, recipe, workload, name, seen) => {
    const { fix } = await roomWith(recipe);
    const proposal = await fix({ workload });
    expect(checkIn(proposal, name)).toMatchObject({ status: 'warning', seen: expect.stringContaining(seen) });
    expect(blockedBy(proposal)).toEqual([]);
  });
});

describe('a check stands in the way', () => {
  const argo = { annotations: { 'argocd.argoproj.io/tracking-id': 'shop:apps/Deployment:shop/orders' } };
  const budget = (disruptionsAllowed: number): KubernetesObject => ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { namespace: 'shop', name: 'orders' },
    spec: { selector: { matchLabels: { app: 'orders' } } },
    status: { disruptionsAllowed },
  });
  const scaler = (metric: object): KubernetesObject => ({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { namespace: 'shop', name: 'orders' },
    spec: { scaleTargetRef: { kind: 'Deployment', name: 'orders' }, metrics: [metric] },
  });
  const byMemory = {
    type: 'Resource',
    resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 80 } },
  };
  const vertical = (updateMode: string): KubernetesObject => ({
    apiVersion: 'autoscaling.k8s.io/v1',
    kind: 'VerticalPodAutoscaler',
    metadata: { namespace: 'shop', name: 'orders' },
    spec: { targetRef: { kind: 'Deployment', name: 'orders' }, updatePolicy: { updateMode } },
  });
  const range = {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: { namespace: 'shop', name: 'small' },
    spec: { limits: [{ type: 'Container', max: { memory: '600Mi' } }] },
  };
  const quota = {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { namespace: 'shop', name: 'team' },
    spec: {},
    status: { hard: { 'limits.memory': '2Gi' }, used: { 'limits.memory': '1Gi' } },
  };
  const gib = { limitBytes: 1024 ** 3 };

  test.each<[string, WorkloadRecipe, readonly KubernetesObject[], object, string, string]>([
    [
      'Argo CD keeps it',
      { metadata: argo },
      [],
      {},
      'Nobody keeps it from elsewhere',
      'Argo CD (application shop) keeps deploy/orders as it is written elsewhere',
    ],
    [
      'an operator makes it',
      { metadata: { ownerReferences: [{ kind: 'Keycloak', name: 'login', uid: 'k', controller: true }] } },
      [],
      {},
      'It belongs to nobody else',
      'deploy/orders is made by Keycloak login',
    ],
    [
      'a rollout is under way',
      { status: { updatedReplicas: 1, replicas: 3 } },
      [],
      {},
      'No rollout is under way',
      '1 of 2 pods updated, 1 available, 2 of before still there.',
    ],
    [
      'the controller has not seen the last change',
      { status: { observedGeneration: 1 } },
      [],
      {},
      'No rollout is under way',
      'Its controller has not seen the last change yet.',
    ],
    ['it is paused', { spec: { paused: true } }, [], {}, 'No rollout is under way', 'It is paused'],
    [
      'an autoscaler goes by a share of the request',
      {},
      [scaler(byMemory)],
      gib,
      'No HorizontalPodAutoscaler fights it',
      'orders scales deploy/orders by its memory as a share of the request',
    ],
    [
      'a vertical autoscaler acts',
      {},
      [vertical('Auto')],
      {},
      'No VerticalPodAutoscaler fights it',
      'orders sets the memory of these pods itself (updateMode Auto)',
    ],
    [
      'a budget forbids what the strategy would take down',
      {
        ready: 2,
        replicas: 2,
        spec: { strategy: { type: 'Recreate' } },
        container: { env: [{ name: 'JAVA_TOOL_OPTIONS', value: '-Xmx2g' }] },
      },
      [budget(0)],
      {},
      'The disruption budgets hold',
      'the rollout would take down 2 ready pods at once',
    ],
    [
      'a limit range forbids the limit',
      {},
      [range],
      gib,
      'The namespace allows it',
      'limit range small allows at most 600 MiB a container, and this is 1 GiB',
    ],
    [
      'a quota has no room for the rollout',
      {},
      [quota],
      gib,
      'The namespace allows it',
      'quota team allows 2 GiB of limits.memory, 1 GiB are used, and the rollout needs 1.5 GiB more',
    ],
    [
      'no node is so large',
      {},
      [],
      { limitBytes: 6 * 1024 ** 3 },
      'A node has room for it',
      'A pod would ask for 6 GiB, and node-1 can give 4 GiB in all.',
    ],
    [
      'a webhook gives its pods other flags',
      { podContainer: { env: [{ name: 'JAVA_TOOL_OPTIONS', value: '-javaagent:/otel.jar -Xmx2g' }] } },
      [],
      {},
      'The pod is as its workload says',
      'differs from the template of deploy/orders in its JAVA_TOOL_OPTIONS',
    ],
  ])('%s', async (_what, recipe, others, input, name, seen) => {
    const { fix, writes } = await roomWith(recipe, others);
    const proposal = await fix(input);
    expect(checkIn(proposal, name)).toMatchObject({ status: 'blocking', seen: expect.stringContaining(seen) });
    expect(blockedBy(proposal)).toEqual([name]);
    expect(writes()).toEqual([]);
  });

  test('though five hundred others stand in the list before it', async () => {
    const others = Array.from({ length: 500 }, (_, at): KubernetesObject => {
      const found = budget(0);
      const name = `a${String(at).padStart(3, '0')}`;
      return { ...found, metadata: { namespace: 'shop', name }, spec: { selector: { matchLabels: { app: name } } } };
    });
    const { fix } = await roomWith(
      {
        ready: 2,
        replicas: 2,
        spec: { strategy: { type: 'Recreate' } },
        container: { env: [{ name: 'JAVA_TOOL_OPTIONS', value: '-Xmx2g' }] },
      },
      [...others, budget(0)],
    );
    expect(checkIn(await fix(), 'The disruption budgets hold').status).toBe('blocking');
  });

  test('and a quota that is for the pods of some priority alone does not', async () => {
    const spec = {
      scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['batch'] }] },
    };
    const { fix } = await roomWith({}, [{ ...quota, spec }]);
    expect(checkIn(await fix(gib), 'The namespace allows it').status).toBe('ok');
  });

  test('and does not where it could not be seen: that is told as unknown', async () => {
    const may = (_verb: string, group: string) => group === '' || group === 'apps';
    const { fix } = await roomWith({}, [], { users: [{ token: 't', name: 'bot', may }], user: 'bot' });
    const proposal = await fix();
    for (const name of [
      'No HorizontalPodAutoscaler fights it',
      'No VerticalPodAutoscaler fights it',
      'The disruption budgets hold',
    ])
      expect(checkIn(proposal, name)).toMatchObject({ status: 'unknown', seen: expect.stringContaining('forbidden') });
    expect(blockedBy(proposal)).toEqual([]);
  });

  test('the APIs of an old server are asked in turn; what it does not serve is unknown, an add-on that is not there is none', async () => {
    const { fix, api } = await roomWith();
    api.fault({
      path: /^\/apis\/(autoscaling|policy|autoscaling\.k8s\.io)\//,
      status: 404,
      times: Number.POSITIVE_INFINITY,
    });
    const proposal = await fix();
    expect(checkIn(proposal, 'No HorizontalPodAutoscaler fights it')).toMatchObject({
      status: 'unknown',
      seen: 'It could not be seen: this API server serves no horizontalpodautoscalers in a version that Quorum knows.',
    });
    expect(checkIn(proposal, 'The disruption budgets hold').status).toBe('unknown');
    expect(checkIn(proposal, 'No VerticalPodAutoscaler fights it').status).toBe('ok');
    const asked = api.requests().map(({ path }) => path.split('/').slice(2, 4).join('/'));
    expect(asked).toEqual(
      expect.arrayContaining([
        'autoscaling/v2',
        'autoscaling/v2beta2',
        'autoscaling/v1',
        'policy/v1',
        'policy/v1beta1',
      ]),
    );
  });

  test('a workload all of whose pods die is in no rollout, and a budget that allows nothing guards nobody', async () => {
    const { fix } = await roomWith(
      {
        ready: 0,
        status: { conditions: [{ type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated' }] },
        spec: { strategy: { type: 'Recreate' } },
      },
      [budget(0)],
    );
    const proposal = await fix();
    expect(blockedBy(proposal)).toEqual([]);
    expect(checkIn(proposal, 'No rollout is under way').seen).toBe(
      '2 of 2 pods updated, 0 available. That pods of it die is no rollout.',
    );
  });

  test('where fixes are not allowed, the key is named and the patch shown', async () => {
    const { fix, api } = await roomWith({}, [], { allowFixes: false });
    const proposal = await fix();
    expect(blockedBy(proposal)).toEqual(['Changes are allowed here']);
    expect(checkIn(proposal, 'Changes are allowed here').advice).toContain('kubernetes.clusters.prod.allowFixes: true');
    expect(sectionIn(proposal, 'Patch to apply by hand')).toContain(
      'kubectl patch deploy/orders -n shop --patch-file patch.yaml',
    );
    expect(api.requests().filter(({ method }) => method !== 'GET')).toEqual([]);
  });

  test('what Argo CD keeps gets the patch to commit, with its secrets masked', async () => {
    const value = '-Dx.password=correct-horse-battery -Xmx2g';
    const { fix } = await roomWith({ metadata: argo, container: { env: [{ name: 'JAVA_TOOL_OPTIONS', value }] } });
    const text = sectionIn(await fix(), 'Patch to commit');
    expect(text).toContain(`value: -Dx.password=*** -Xmx312m ${ours}`);
    expect(text).toContain('# *** stands for what is there and is not shown: keep it.');
  });

  test('the API server itself refuses: its words are told', async () => {
    const { fix } = await roomWith({}, [], {
      users: [{ token: 't', name: 'bot', may: (verb) => verb !== 'patch' }],
      user: 'bot',
    });
    expect(checkIn(await fix(), 'The API server takes it (dry run)')).toMatchObject({
      status: 'blocking',
      seen: 'deployments: forbidden: Quorum may not patch deployments in namespace shop.',
    });
  });
});

test('a server that knows no dry run is sent no patch: it would carry it out', async () => {
  const { fix, api } = await roomWith({}, [], { version: 'v1.11.10' });
  const proposal = await fix();
  expect(checkIn(proposal, 'The API server takes it (dry run)')).toMatchObject({
    status: 'blocking',
    seen: 'The Kubernetes API of prod is older than 1.13 and knows no dry run: nothing is changed there.',
  });
  expect(api.requests().filter(({ method }) => method !== 'GET')).toEqual([]);
});

describe('carried out', () => {
  test.each(['Deployment', 'StatefulSet', 'DaemonSet'] as const)(
    'a %s is patched once and followed until its new pods run',
    async (kind) => {
      const { fix, context, writes, api } = await roomWith({ kind });
      const { plan } = await fix({
        workload: `${{ Deployment: 'deploy', StatefulSet: 'sts', DaemonSet: 'ds' }[kind]}/orders`,
      });
      const driven = driveChange(oomFix, plan, context().clients);
      expect(await driven.run({ aheadMs: 10_000 })).toEqual({ kind: 'done' });
      const plural = `${kind.toLowerCase()}s`;
      expect(writes()).toEqual([
        `PATCH ${plural}/orders`,
        // One of its pods that is not ready holds up a StatefulSet.
        ...(kind === 'StatefulSet' ? ['POST pods/orders-1/eviction', 'POST pods/orders-1/eviction'] : []),
      ]);
      expect(envOf(api, kind)).toEqual([
        { name: 'DB_PASSWORD', value: 'correct-horse-battery' },
        { name: 'JAVA_TOOL_OPTIONS', value: `-XX:MaxRAMPercentage=60.9 ${ours}` },
      ]);
      expect(driven.notes['New pods keep running']).toBe(
        `The new pods of shop/${{ Deployment: 'deploy', StatefulSet: 'sts', DaemonSet: 'ds' }[kind]}/orders run with -XX:MaxRAMPercentage=60.9 ${ours}: a heap of at most 312 MiB in 512 MiB.`,
      );
      expect(JSON.stringify(driven.intent)).not.toContain('correct-horse');
      expect(driven.intent.revisionBefore).toBe(2);
    },
    30_000,
  );

  test('after a lost reply it looks, and patches no second time', async () => {
    const { fix, context, writes, api } = await roomWith();
    const { plan } = await fix();
    const driven = driveChange(oomFix, plan, context().clients);
    // The first patch of the step tries without effect.
    api.fault({ resource: 'deployments', verb: 'patch', after: 1, times: 1, kind: 'lost' });
    expect(await driven.run()).toEqual({ kind: 'done' });
    expect(writes()).toEqual(['PATCH deployments/orders']);
    expect(driven.log).toEqual([
      'Template changed: waiting',
      'Template changed: done',
      'Rolled out: done',
      'New pods keep running: done',
    ]);
  }, 30_000);

  test.each([
    ['as it is tried', 0],
    ['as it is sent', 1],
  ])(
    'an API server that is too busy is waited for: %s',
    async (_when, after) => {
      const { fix, context, writes, api } = await roomWith();
      const { plan } = await fix();
      const driven = driveChange(oomFix, plan, context().clients);
      api.fault({ resource: 'deployments', verb: 'patch', after, times: 1, status: 429 });
      expect(await driven.run({ aheadMs: 6000 })).toEqual({ kind: 'done' });
      // What was refused was not done, and is sent again.
      expect(writes()).toHaveLength(1 + after);
      expect(driven.log[0]).toBe('Template changed: waiting');
    },
    30_000,
  );

  test('killed right before the patch it is sent by the next worker, once', async () => {
    const { fix, context, writes } = await roomWith();
    const { plan } = await fix();
    const driven = driveChange(oomFix, plan, context().clients);
    await expect(driven.run({ fence: async () => Promise.reject(new Error('killed')) })).rejects.toThrow('killed');
    expect(writes()).toEqual([]);
    expect(await driven.run({ aheadMs: 6000 })).toEqual({ kind: 'done' });
    expect(writes()).toEqual(['PATCH deployments/orders']);
  }, 30_000);

  test('a status that changes at the same moment is a conflict, and no reason to give up', async () => {
    const { fix, context, writes, api, controllers } = await roomWith();
    controllers.hold();
    const { plan } = await fix();
    const driven = driveChange(oomFix, plan, context().clients);
    let touched = 0;
    const fence = async () => {
      touched += 1;
      if (touched === 1) api.load([api.get('Deployment', 'shop', 'orders')]);
    };
    expect(await driven.run({ until: 'Rolled out', fence })).toMatchObject({ kind: 'waiting' });
    expect(writes()).toEqual(['PATCH deployments/orders', 'PATCH deployments/orders']);
    expect(api.get('Deployment', 'shop', 'orders').metadata.generation).toBe(3);
  }, 30_000);

  test('a template that somebody changed since is left alone', async () => {
    const { fix, context, writes, api } = await roomWith();
    const { plan } = await fix();
    const found = api.get('Deployment', 'shop', 'orders') as KubernetesObject & {
      spec: { template: { metadata: object } };
    };
    const template = { ...found.spec.template, metadata: { labels: { app: 'orders', who: 'ann' } } };
    api.load([{ ...found, spec: { ...found.spec, template } }]);
    expect(await driveChange(oomFix, plan, context().clients).run()).toMatchObject({
      kind: 'blocked',
      refusal: { message: 'Somebody changed the template of shop/deploy/orders since it was approved.' },
    });
    expect(writes()).toEqual([]);
  });

  test('where the new pods die too it ends, and says why', async () => {
    const { fix, context } = await roomWith({}, [], { controllers: { fate: () => 'dies' } });
    const { plan } = await fix();
    const outcome = await driveChange(oomFix, plan, context().clients).run();
    if (outcome.kind !== 'blocked') throw new Error(outcome.kind);
    expect(outcome.refusal.message).toContain('The new pods die too. shop/orders-');
    expect(outcome.refusal.message).toContain('OOM-killed');
    expect(outcome.refusal.advice).toContain('Going back to the revision before is offered below.');
  }, 30_000);

  test('new pods that never come are named while it waits, and it does not wait for ever', async () => {
    const { fix, context } = await roomWith({}, [], { controllers: { fate: () => 'waits' } });
    const { plan } = await fix();
    const driven = driveChange(oomFix, plan, context().clients);
    const reason = await waitFor('the pods to be named', async () => {
      const outcome = await driven.run({ until: 'Rolled out' });
      return outcome.kind === 'waiting' && /^2 of 2.*ImagePullBackOff/.test(outcome.reason) && outcome.reason;
    });
    expect(reason).toMatch(/^2 of 2 pods updated, 0 available; orders-\S+: ImagePullBackOff\.$/);
    const outcome = await driven.run({ aheadMs: 700_000 });
    expect(outcome).toMatchObject({
      kind: 'blocked',
      refusal: { message: 'shop/deploy/orders was changed, and is not rolled out in time.' },
    });
  }, 30_000);

  test('a workload that is deleted, or changed again, meanwhile ends it', async () => {
    const { fix, context, api, controllers } = await roomWith();
    controllers.hold();
    const { plan } = await fix();
    const driven = driveChange(oomFix, plan, context().clients);
    expect(await driven.run({ until: 'Rolled out' })).toMatchObject({ kind: 'waiting' });
    const found = api.get('Deployment', 'shop', 'orders');
    const template = { metadata: { labels: { app: 'orders' } }, spec: { containers: [{ name: 'app' }] } };
    api.load([{ ...found, spec: { ...(found.spec as object), template } }]);
    expect(await driven.run()).toMatchObject({
      kind: 'blocked',
      refusal: {
        message: 'Somebody changed the template of shop/deploy/orders again meanwhile: what is rolled out is theirs.',
      },
    });
    api.remove('Deployment', 'shop', 'orders');
    expect(await driven.run()).toMatchObject({
      kind: 'blocked',
      refusal: { message: 'shop/deploy/orders is gone.' },
    });
  }, 30_000);

  test('OnDelete: the template is changed, and who deletes the pods is said', async () => {
    const { fix, context, api } = await roomWith({
      kind: 'StatefulSet',
      spec: { updateStrategy: { type: 'OnDelete' } },
    });
    const proposal = await fix({ workload: 'sts/orders' });
    expect(checkIn(proposal, 'Somebody answers meanwhile').seen).toBe(
      'Its strategy is OnDelete: no pod is replaced by this.',
    );
    const driven = driveChange(oomFix, proposal.plan, context().clients);
    expect(await driven.run()).toEqual({ kind: 'done' });
    expect(driven.notes['Rolled out']).toContain('delete its pods by hand, one at a time');
    expect(api.all('Pod', 'shop').map(({ metadata }) => metadata.uid)).toEqual(['uid-orders-p0', 'uid-orders-p1']);
  }, 30_000);

  test('an API server that is away just as a pod is to be evicted ends nothing', async () => {
    const { fix, context, api, writes } = await roomWith({ kind: 'StatefulSet' });
    const { plan } = await fix({ workload: 'sts/orders' });
    const driven = driveChange(oomFix, plan, context().clients);
    api.fault({ resource: 'pods/eviction', times: 1, kind: 'reset' });
    expect(await driven.run({ aheadMs: 10_000 })).toEqual({ kind: 'done' });
    expect(writes()).toContain('POST pods/orders-1/eviction');
  }, 30_000);

  test('a pod that holds up its StatefulSet and may not be evicted is named, with the command', async () => {
    const budget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { namespace: 'shop', name: 'orders' },
      spec: { selector: { matchLabels: { app: 'orders' } } },
      status: { disruptionsAllowed: 0 },
    };
    const { fix, context } = await roomWith({ kind: 'StatefulSet' }, [budget]);
    const { plan } = await fix({ workload: 'sts/orders' });
    const driven = driveChange(oomFix, plan, context().clients);
    const reason = await waitFor('the pod to be named', async () => {
      const outcome = await driven.run({ until: 'Rolled out', aheadMs: 10_000 });
      return outcome.kind === 'waiting' && outcome.reason.includes('orders-1') && outcome.reason;
    });
    expect(reason).toContain(
      'orders-1 of the old template is not ready and holds up the rollout, and may not be evicted',
    );
    expect(reason).toContain('kubectl delete pod orders-1 -n shop');
  }, 30_000);
});

test('as it starts the decision stands, though the pod that it was made for is gone', async () => {
  const { fix, api } = await roomWith();
  const first = await fix();
  for (const pod of api.all('Pod', 'shop')) api.remove('Pod', 'shop', pod.metadata.name);
  expect((await fix({}, { approved: first.plan })).plan).toEqual(first.plan);
  const found = api.get('Deployment', 'shop', 'orders') as KubernetesObject & { spec: object };
  api.load([
    {
      ...found,
      spec: {
        ...found.spec,
        template: { metadata: { labels: { app: 'orders' } }, spec: { containers: [{ name: 'app' }] } },
      },
    },
  ]);
  expect((await fix({}, { approved: first.plan })).plan.templateHash).not.toBe(first.plan.templateHash);
});
