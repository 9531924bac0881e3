import { describe, expect, test } from '@jest/globals';
import { containerEnvironment, type EnvironmentSource } from '../../src/kubernetes/container-environment.ts';
import { readJavaContainer } from '../../src/kubernetes/java-container.ts';
import { nodeSchema, podSchema } from '../../src/kubernetes/objects.ts';

/** A container as a manifest writes it, and what is read of it. */
function read(spec: Record<string, unknown>, log = '', configMaps: EnvironmentSource['configMaps'] = new Map()) {
  const pod = podSchema.parse({
    metadata: { namespace: 'shop', name: 'checkout-1' },
    spec: { containers: [{ name: 'app', ...spec }] },
  });
  const container = pod.spec.containers[0];
  const memory = { limitBytes: 536_870_912, requestBytes: 268_435_456 };
  return readJavaContainer(container, containerEnvironment(container, { pod, memory, configMaps }), log);
}

describe('the arguments of a JVM', () => {
  test.each([
    ['java first', { command: ['java', '-Xmx128m', '-jar', '/app.jar', '-Xmx1g'] }, ['-Xmx128m']],
    [
      'a path',
      { command: ['/opt/java/bin/java'], args: ['-Xms8m', '-Xmx128m', 'com.shop.Main'] },
      ['-Xms8m', '-Xmx128m'],
    ],
    ['a class path', { command: ['java', '-cp', '/a:/b', '-Xss1m', 'Main', 'x'] }, ['-Xss1m']],
    ['an argument file', { command: ['java', '@/app/jvm.options', '-jar', 'a.jar'] }, ['@/app/jvm.options']],
    ['a wrapper', { command: ['tini', '-s', '--', 'java', '-Xmx1g', '-jar', 'a.jar'] }, ['-Xmx1g']],
    ['another user', { command: ['gosu', 'app', 'java', '-Xmx1g', '-jar', 'a.jar'] }, ['-Xmx1g']],
    ['sh -c', { command: ['sh', '-c', 'exec java -Xmx1g "-Dname=a b" -jar a.jar'] }, ['-Xmx1g', '-Dname=a b']],
    [
      'sh -c in args',
      { command: ['/bin/bash', '-ec'], args: ['cd /app && java -Xmx1g -jar a.jar; echo done'] },
      ['-Xmx1g'],
    ],
    [
      'a variable that the shell splits',
      { command: ['sh', '-c', 'java $JAVA_OPTS -jar a.jar'], env: [{ name: 'JAVA_OPTS', value: '-Xms8m -Xmx128m' }] },
      ['-Xms8m', '-Xmx128m'],
    ],
    ['a variable with a default', { command: ['sh', '-c', 'java ${JAVA_OPTS:--Xmx64m} -jar a.jar'] }, ['-Xmx64m']],
    [
      'a variable that Kubernetes fills in',
      {
        command: ['java', '-Xmx$(HEAP)m', '-XX:MaxRAM=$(LIMIT)', '$(UNSET)', '-jar', 'a.jar'],
        env: [
          { name: 'HEAP', value: '200' },
          { name: 'LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.memory' } } },
        ],
      },
      ['-Xmx200m', '-XX:MaxRAM=536870912'],
    ],
    [
      'an assignment on the way',
      { command: ['sh', '-c', 'export OPTS="-Xmx77m"; java $OPTS -jar a.jar'] },
      ['-Xmx77m'],
    ],
    ['the image’s own java', { image: 'openjdk:8u181-jre', args: ['-Xmx128m', '-jar', '/a.jar'] }, ['-Xmx128m']],
    ['nothing', { image: 'openjdk:8u181-jre' }, []],
  ])('are found behind %s', (_what, spec, args) => {
    const found = read(spec);
    expect(found.isJava).toBe(true);
    expect(found.args).toEqual(args);
  });
});

describe('the variables of a JVM', () => {
  test('are read, and what they take from elsewhere is said', () => {
    const found = read({
      image: 'eclipse-temurin:17-jre',
      env: [
        { name: 'JAVA_TOOL_OPTIONS', value: '-Xmx64m' },
        { name: 'JAVA_TOOL_OPTIONS', value: '-Xmx99m' },
        { name: '_JAVA_OPTIONS', valueFrom: { secretKeyRef: { name: 'jvm', key: 'opts' } } },
        { name: 'JAVA_OPTS', value: '-Xmx1g -Ddb.password=hunter2' },
      ],
      envFrom: [{ configMapRef: { name: 'common' } }, { secretRef: { name: 'keys' } }],
    });
    expect(found.env).toEqual({ JAVA_TOOL_OPTIONS: '-Xmx99m' });
    expect(found.unknown).toEqual([
      'The image starts java: flags in its own entrypoint cannot be seen.',
      '_JAVA_OPTIONS comes from secret jvm, key opts, which is not read.',
      'JAVA_OPTS is set to “-Xmx1g -Ddb.password=***”; the JVM does not read it, it only counts if a script in the image passes it on.',
      'Variables also come from config map common, secret keys, which are not read.',
    ]);
  });

  test('are what the JVM says it picked up, wherever they come from', () => {
    const found = read(
      {
        command: ['java', '-jar', 'a.jar'],
        env: [{ name: 'JAVA_TOOL_OPTIONS', valueFrom: { secretKeyRef: { name: 'jvm', key: 'opts' } } }],
      },
      'Picked up JAVA_TOOL_OPTIONS: -Xmx300m\n',
    );
    expect(found.env).toEqual({ JAVA_TOOL_OPTIONS: '-Xmx300m' });
    expect(found.unknown).toEqual([]);
  });

  test('round a limit up by its divisor, as the API server does', () => {
    const pod = podSchema.parse({
      metadata: { name: 'p' },
      spec: {
        containers: [
          {
            name: 'app',
            env: [
              { name: 'MIB', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
              { name: 'GIB', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Gi' } } },
              { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
              { name: 'TWICE', value: '$(MIB)-$$(MIB)-$(LATER)' },
              { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            ],
          },
        ],
      },
    });
    const environment = containerEnvironment(pod.spec.containers[0], {
      pod,
      memory: { limitBytes: 536_870_912, requestBytes: undefined },
    });
    expect(environment.variables).toEqual({ MIB: '512', GIB: '1', POD: 'p', TWICE: '512-$(MIB)-$(LATER)' });
    expect(environment.elsewhere).toEqual({ IP: 'the pod’s status.podIP' });
  });
});

describe('variables whose values stand elsewhere', () => {
  const fromMap = (name: string, key: string) => ({ name, valueFrom: { configMapKeyRef: { name: 'jvm', key } } });
  const jvm = new Map([['jvm', { opts: '-Xmx99m', 'spring.profile': 'prod', '1bad name': 'x', JAVA_OPTS: '-Xss1m' }]]);

  test('are read from config maps, and where they were read is kept', () => {
    const found = read(
      {
        command: ['java', '-jar', 'a.jar'],
        env: [fromMap('JAVA_TOOL_OPTIONS', 'opts'), fromMap('_JAVA_OPTIONS', 'none')],
      },
      '',
      jvm,
    );
    expect(found.env).toEqual({ JAVA_TOOL_OPTIONS: '-Xmx99m' });
    expect(found.environment.origins).toEqual({ JAVA_TOOL_OPTIONS: 'config map jvm, key opts' });
    expect(found.unknown).toEqual([]);
    expect(found.notes).toEqual([
      'JAVA_TOOL_OPTIONS was read from config map jvm, key opts, as it is now; the container took it as it started.',
    ]);
  });

  test('are poured in with their prefix, and the container’s own come after', () => {
    const found = read(
      {
        command: ['sh', '-c', 'java $APP_JAVA_OPTS $APP_opts -jar a.jar'],
        env: [{ name: 'APP_opts', value: '-Xmx1m' }],
        envFrom: [{ prefix: 'APP_', configMapRef: { name: 'jvm' } }, { configMapRef: { name: 'gone' } }],
      },
      '',
      jvm,
    );
    expect(found.args).toEqual(['-Xss1m', '-Xmx1m']);
    expect(found.environment.origins).toEqual({
      'APP_spring.profile': 'config map jvm, key spring.profile',
      APP_JAVA_OPTS: 'config map jvm, key JAVA_OPTS',
    });
    expect(found.unknown).toEqual(['Variables also come from config map gone, which is not read.']);
  });

  test('are the pod’s own fields and resources, and the node’s where no limit is set', () => {
    const pod = podSchema.parse({
      metadata: { name: 'p', namespace: 'n', uid: 'u', labels: { 'jvm/heap': '77m' }, annotations: { a: 'b' } },
      spec: {
        nodeName: 'node-1',
        containers: [
          {
            name: 'app',
            resources: { limits: { cpu: '1500m' }, requests: { memory: '100Mi' } },
            env: [
              ["metadata.labels['jvm/heap']"],
              ["metadata.annotations['a']"],
              ["metadata.labels['none']"],
              ['metadata.uid'],
              ['spec.nodeName'],
              ['status.hostIP'],
            ].map(([fieldPath], index) => ({ name: `F${index}`, valueFrom: { fieldRef: { fieldPath } } })),
          },
          { name: 'other', resources: { limits: { memory: '64Mi' } } },
        ],
      },
    });
    const app = pod.spec.containers[0];
    const fields = containerEnvironment(app, { pod });
    expect(fields.variables).toEqual({ F0: '77m', F1: 'b', F2: '', F3: 'u', F4: 'node-1' });
    expect(fields.elsewhere).toEqual({ F5: 'the pod’s status.hostIP' });
    const field = (resource: string, more: Record<string, string> = {}) => ({
      name: `${resource} ${JSON.stringify(more)}`,
      valueFrom: { resourceFieldRef: { resource, ...more } },
    });
    const resources = podSchema.parse({
      ...pod,
      spec: {
        ...pod.spec,
        containers: [
          {
            ...app,
            env: [
              field('limits.cpu'),
              field('limits.cpu', { divisor: '1m' }),
              field('limits.memory', { divisor: '1Mi' }),
              field('requests.memory', { divisor: '1Mi' }),
              field('limits.memory', { containerName: 'other' }),
              field('limits.memory', { containerName: 'nobody' }),
            ],
          },
          pod.spec.containers[1],
        ],
      },
    });
    const node = nodeSchema.parse({ status: { allocatable: { memory: '7Gi' }, capacity: { memory: '8Gi' } } });
    const memory = { limitBytes: undefined, requestBytes: 104_857_600 };
    expect(
      Object.values(containerEnvironment(resources.spec.containers[0], { pod: resources, memory, node }).variables),
    ).toEqual(['2', '1500', '7168', '100', '67108864']);
  });

  test.each([
    [
      'an argument file',
      { command: ['java', '@/app/jvm.options', '-jar', 'a.jar'] },
      'The command reads @/app/jvm.options, which lies in the image: flags in it cannot be seen.',
    ],
    [
      'a buildpack',
      { command: ['java', '-jar', 'a.jar'], env: [{ name: 'BPL_JVM_THREAD_COUNT', value: '50' }] },
      'BPL_JVM_THREAD_COUNT is a buildpack’s: its helper reckons -Xmx as the container starts, and puts it into JAVA_TOOL_OPTIONS.',
    ],
  ])('and flags that cannot be read are said to be so: %s', (_what, spec, said) => {
    expect(read(spec).unknown).toEqual([said]);
    expect(read(spec, 'Picked up JAVA_TOOL_OPTIONS: -Xmx1g').unknown).toEqual(said.startsWith('BPL') ? [] : [said]);
  });
});

describe('the variable that a command hands on to java', () => {
  const opts = [{ name: 'JAVA_OPTS', value: '-Dname=x' }];
  test.each([
    ['in a shell line', { command: ['sh', '-c', 'exec java $JAVA_OPTS -jar a.jar'], env: opts }, 'JAVA_OPTS'],
    ['with a default', { command: ['sh', '-c', 'java ${JAVA_OPTS:--Xmx64m} -jar a.jar'] }, 'JAVA_OPTS'],
    ['that Kubernetes fills in', { command: ['java', '$(JAVA_OPTS)', '-jar', 'a.jar'], env: opts }, 'JAVA_OPTS'],
    ['of another name', { command: ['sh', '-c', 'java -Xmx1g $SHOP_OPTS -jar a.jar'] }, 'SHOP_OPTS'],
    ['behind the program’s name', { command: ['sh', '-c', 'java -jar a.jar $JAVA_OPTS'], env: opts }, undefined],
    ['before a size of its own', { command: ['sh', '-c', 'java $JAVA_OPTS -Xmx1g -jar a.jar'], env: opts }, undefined],
    ['that is none', { command: ['java', '-jar', 'a.jar'], env: opts }, undefined],
    ['of a program that is not java', { command: ['sh', '-c', 'node $JAVA_OPTS'], env: opts }, undefined],
  ])('is found %s', (_how, spec, name) => {
    expect(read(spec).handedOn).toBe(name);
  });

  test('and is set by nobody in the pod may be set by the image', () => {
    expect(read({ command: ['sh', '-c', 'java $JAVA_OPTS -jar a.jar'] }).unknown).toEqual([
      'The command uses $JAVA_OPTS, which the pod does not set; the image may.',
    ]);
  });
});

test('a variable that nothing hands on to the pod’s own java is certain not to count', () => {
  const found = read({
    command: ['java', '-jar', 'a.jar'],
    env: [{ name: 'JAVA_OPTS', value: '-Xmx1g' }],
  });
  expect([found.unknown, found.notes]).toEqual([
    [],
    ['JAVA_OPTS is set to “-Xmx1g”; the JVM does not read it, and the command does not pass it on.'],
  ]);
});

describe('whether a container is Java', () => {
  test.each([
    ['its command', { command: ['java', '-version'] }, '', true],
    ['its image', { image: 'registry.shop/base/openjdk11:jdk-11.0.11_9' }, '', true],
    ['a jar', { command: ['/entrypoint.sh', '/app/shop.jar'] }, '', true],
    ['a variable', { image: 'shop/checkout:1', env: [{ name: 'JAVA_TOOL_OPTIONS', value: '' }] }, '', true],
    ['its log', { image: 'shop/checkout:1' }, '  at com.shop.A.b(A.java:3)\n\tat com.shop.A.main(A.java:1)', true],
    ['nginx', { image: 'nginx:1.19' }, '', false],
    ['node with JAVA_HOME', { command: ['node', 'x.js'], env: [{ name: 'JAVA_HOME', value: '/x' }] }, '', false],
    ['javascript in the name', { image: 'shop/javascript-runner:1' }, 'listening on 8080', false],
    ['a Go program', { image: 'shop/api:2' }, '{"level":"info","msg":"up"}', false],
    ['nothing at all', { image: 'shop/api:2' }, '', undefined],
    ['nothing, not even an image', {}, '', undefined],
  ])('is told by %s', (_what, spec, log, isJava) => {
    expect(read(spec, log).isJava).toBe(isJava);
  });
});

test('a command that the shell makes up is told as unknown, its secrets masked', () => {
  const found = read({ command: ['sh', '-c', 'java $(cat /flags --token=abc123) `hostname` -jar a.jar'] });
  expect(found.unknown).toEqual([
    'The command uses $(cat /flags --token=***, whose value is not known here.',
    'The command uses `hostname`, whose value is not known here.',
  ]);
});

test.each([
  '"',
  "'",
  '$',
  '\\',
  '${',
  '$(',
  '`',
  'java ${',
  'java "$(',
  '&&&|||;;;',
  '$'.repeat(5000),
  '('.repeat(5000),
])('an unfinished shell line is read to its end: %j', (line) => {
  expect(Array.isArray(read({ command: ['sh', '-c', line] }).args)).toBe(true);
});
