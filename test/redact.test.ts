import { describe, expect, test } from '@jest/globals';
import { isSecretName, redact, redactEnvironment, redactWords } from '../src/redact.ts';
import { harmlessTexts, plantedSecrets } from './support/secrets.ts';

const jwt = `eyJ${'hbGciOiJIUzI1NiJ9'}.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U`;

describe('secrets in a text', () => {
  test.each([
    ['-Dspring.datasource.password=hunter2 -Xmx1g', '-Dspring.datasource.password=*** -Xmx1g'],
    ['-Djavax.net.ssl.keyStorePassword="a b c" -jar x', '-Djavax.net.ssl.keyStorePassword="***" -jar x'],
    ['{"password":"hunter2","user":"ann"}', '{"password":"***","user":"ann"}'],
    ["{'api_key': 'abc', 'x': 1}", "{'api_key': '***', 'x': 1}"],
    ['{\\"token\\":\\"abc\\"}', '{\\"token\\":\\"***\\"}'],
    ['password: hunter2', 'password: ***'],
    ['DB_PASSWORD=hunter2;x=1', 'DB_PASSWORD=***'],
    ['--password hunter2 --verbose', '--password *** --verbose'],
    ['--token=abc', '--token=***'],
    ['-Dx.password=p@ss,w;rd!&} -Xmx1g', '-Dx.password=*** -Xmx1g'],
    ['password:\nnext line', 'password:\nnext line'],
    ['jdbc:postgresql://ann:hunter2@db:5432/shop?ssl=true', 'jdbc:postgresql://***@db:5432/shop?ssl=true'],
    ['amqp://u:p@ss@mq/', 'amqp://***@mq/'],
    ['amqp://u:p@/ss@mq/%2f', 'amqp://***@mq/%2f'],
    ['redis://:p@cache/0', 'redis://***@cache/0'],
    ['curl -u bot:hunter2 https://x/', 'curl -u bot:*** https://x/'],
    ['curl --user=bot:hunter2 https://x/', 'curl --user=bot:*** https://x/'],
    ['<db.password>hunter2</db.password><user>ann</user>', '<db.password>***</db.password><user>ann</user>'],
    ['password: |\n  hunter2\n  hunter3\nuser: ann', 'password: ***\n  ***\nuser: ann'],
    ['at\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIB\nend', 'at\n***\nend'],
    ['DB_PW=abc x', 'DB_PW=*** x'],
    ['-Dmy.pw=abc -Xmx1g', '-Dmy.pw=*** -Xmx1g'],
    ['postgres://u:p/ss@h/db', 'postgres://***@h/db'],
    ['https://u:p/ss@h/db', 'https://***@h/db'],
    ['jdbc:oracle:thin:scott/tiger@//db:1521/shop', 'jdbc:oracle:thin:***@//db:1521/shop'],
    ['-Djavax.net.ssl.trustStorePassword hunter2 -Xmx1g', '-Djavax.net.ssl.trustStorePassword *** -Xmx1g'],
    ['javax.net.ssl.trustStorePassword hunter2', 'javax.net.ssl.trustStorePassword ***'],
    ['"-Dx.password=a b c" -jar x', '"-Dx.password=***" -jar x'],
    ["sh -c '-Dx.password=a b' y", "sh -c '-Dx.password=***' y"],
    ['jdbc:mysql://db/shop?user=ann&password=hunter2&x=1', 'jdbc:mysql://db/shop?user=ann&password=***'],
    ['Authorization: Bearer abcdef123456', 'Authorization: Bearer ***'],
    ['curl -H "X-Auth: Bearer abcdef123456"', 'curl -H "X-Auth: Bearer ***"'],
    [`token is ${jwt}.`, 'token is ***.'],
    ['key AKIAIOSFODNN7EXAMPLE used', 'key *** used'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----', '***'],
    ['https://hooks.slack.com/services/T0/B0/abc', 'https://hooks.slack.com/services/***'],
  ])('are masked: %s', (text, shown) => {
    expect(redact(text)).toBe(shown);
  });

  test.each([
    ...harmlessTexts,
    'sudo -u app: start, id -u root',
    'com_shop_checkout_OrderServiceImplementation42Test',
    '-Xmx312m -XX:MaxRAMPercentage=75.0 -XX:+ExitOnOutOfMemoryError',
    'java.lang.OutOfMemoryError: Java heap space',
    'http://checkout.shop.svc:8080/health?x=1',
    'secret db, key url',
    'The node was low on resource: memory.',
    'PASSWORD_FILE=/run/secrets/db',
    'Get "http://10.0.0.1:8080/health?to=a@b": context deadline exceeded',
    'jdbc:oracle:thin:@//db:1521/shop',
    'kpw=1 PWM=2',
  ])('are not seen where there are none: %s', (text) => {
    expect(redact(text)).toBe(text);
  });

  test('are masked once, however often it is done', () => {
    const once = redact('password=hunter2 Bearer abcdef123456 https://u:p@h/');
    expect(redact(once)).toBe(once);
  });

  test('of a thousand planted in arguments, variables, logs and addresses none is left', () => {
    const leaked = plantedSecrets(1000).filter(({ secret, text }) =>
      redact(`2026-11-03 INFO ${text} and more`).includes(secret),
    );
    expect(leaked).toEqual([]);
  });

  test('are looked for in a long text without ado', () => {
    const text = (times: number) =>
      `${'a'.repeat(20_000 * times)} ${'password'.repeat(500 * times)} ${'='.repeat(2000 * times)} ${'https://'.repeat(500 * times)}`;
    const tookMs = (times: number) =>
      Math.min(
        ...[1, 2, 3].map(() => {
          const started = performance.now();
          redact(text(times));
          return performance.now() - started;
        }),
      );
    tookMs(1);
    // Backtracking would square it, or worse.
    expect(tookMs(4) / tookMs(1)).toBeLessThan(12);
  });
});

test('in the words of a command line a secret with blanks is masked whole', () => {
  expect(redactWords(['-Dx.password=a b c', '-Xmx1g', '--db-pass', 'hunter2', '-Dname=a b'])).toEqual([
    '-Dx.password=***',
    '-Xmx1g',
    '--db-pass',
    '***',
    '-Dname=a b',
  ]);
});

describe('the value of a variable', () => {
  test.each([
    ['DB_PASSWORD', 'x', '***'],
    ['STRIPE_API_KEY', 'x', '***'],
    ['githubToken', 'x', '***'],
    ['SSH_KEY', 'x', '***'],
    ['DB_PW', 'x', '***'],
    ['JAVA_TOOL_OPTIONS', '-Xmx1g -Dx.secret=y', '-Xmx1g -Dx.secret=***'],
    ['DATABASE_URL', 'postgres://u:p@h/d', 'postgres://***@h/d'],
    ['PASSWORD_FILE', '/run/x', '/run/x'],
    ['JAVA_HOME', '/opt/java', '/opt/java'],
  ])('is shown or not by its name: %s', (name, value, shown) => {
    expect(redactEnvironment(name, value)).toBe(shown);
  });

  test('is known by the parts of a name', () => {
    expect([isSecretName('SPRING_DATASOURCE_PASSWORD'), isSecretName('MaxHeapSize')]).toEqual([true, false]);
  });
});
