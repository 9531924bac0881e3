/** A secret and a text as it may stand in a pod, a log or an event. */
export type Planted = { readonly secret: string; readonly text: string; readonly form: string };

/** Numbers that look like chance and are the same in each run (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const capitals = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

type Chance = (length: number, alphabet?: string) => string;
type Form = (chance: Chance) => { readonly secret: string; readonly text: string };

/** A form in which the secret stands as it is. */
function plain(write: (secret: string) => string, alphabet = letters, length = 20): Form {
  return (chance) => {
    const secret = chance(length, alphabet);
    return { secret, text: write(secret) };
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** The forms that secrets take, by what they are. */
const forms: Readonly<Record<string, Form>> = {
  'a variable': plain((secret) => `DB_PASSWORD=${secret}`),
  'a quoted variable': plain((secret) => `export STRIPE_API_KEY='${secret}'`),
  'a variable in yaml': plain((secret) => `  client-secret: ${secret}`),
  'a variable in capitals and digits': plain((secret) => `APP2_ACCESS_TOKEN_V2=${secret}`),
  'a property': plain((secret) => `-Dspring.datasource.password=${secret}`),
  'a quoted property': plain((secret) => `"-Djavax.net.ssl.keyStorePassword=${secret} with blanks"`),
  'a property with signs': plain((secret) => `-Dshop.db.pwd=!&${secret};,)x`),
  'an option': plain((secret) => `--db-password=${secret}`),
  'an option and its value': plain((secret) => `--api-key ${secret}`),
  'a short option of curl': plain((secret) => `curl -u bot:${secret} https://shop.example/`),
  'an address': plain((secret) => `postgres://shop:${secret}@db.shop.svc:5432/shop?sslmode=require`),
  'an address with a password alone': plain((secret) => `redis://:${secret}@cache:6379/0`),
  'an address with a token for a user': plain((secret) => `https://${secret}@git.example/shop.git`),
  'an address with signs in its password': plain((secret) => `amqp://shop:p@/${secret}@mq:5672/%2f`),
  'jdbc parameters': plain((secret) => `jdbc:mysql://db/shop?user=ann&password=${secret}&useSSL=true`),
  'jdbc of SQL Server': plain((secret) => `jdbc:sqlserver://db:1433;databaseName=shop;user=ann;password={${secret}};`),
  'jdbc of Oracle': plain((secret) => `jdbc:oracle:thin:scott/${secret}@//db:1521/shop`),
  'a connection string': plain((secret) => `Server=db;Database=shop;User Id=ann;Password=${secret};Encrypt=true`),
  'a storage connection string': (chance) => {
    const secret = base64(chance(32));
    return {
      secret,
      text: `DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=${secret};EndpointSuffix=core.example`,
    };
  },
  'a query': plain((secret) => `GET /orders?access_token=${secret}&page=2 HTTP/1.1`),
  'a signed address': plain(
    (secret) => `https://s3.example/shop/a.zip?X-Amz-Credential=AKID&X-Amz-Signature=${secret}`,
  ),
  'a bearer': plain((secret) => `Authorization: Bearer ${secret}`),
  'a bearer in JSON': plain((secret) => `{"headers":{"Authorization":"Bearer ${secret}"}}`),
  'basic credentials': (chance) => {
    const secret = base64(`shop:${chance(12)}`);
    return { secret, text: `authorization: Basic ${secret}` };
  },
  'a header of its own': plain((secret) => `X-Api-Key: ${secret}`),
  'a cookie': plain((secret) => `Cookie: theme=dark; JSESSIONID=${secret}; lang=en`),
  'a cookie that is set': plain((secret) => `Set-Cookie: SESSION=${secret}; Path=/; HttpOnly`),
  'a key of AWS': (chance) => {
    const secret = `AKIA${chance(16, capitals)}`;
    return { secret, text: `using ${secret} in eu-central-1` };
  },
  'a secret key of AWS': plain((secret) => `aws_secret_access_key = ${secret}`, `${letters}/+`, 40),
  'a token of GitHub': plain((secret) => `cloning with ghp_${secret}`, letters, 36),
  'a token of GitLab': plain((secret) => `remote: glpat-${secret} is not allowed`),
  'a token of Slack': plain((secret) => `slack says invalid_auth for xoxb-123456-${secret}`),
  'a webhook of Slack': plain((secret) => `posting to https://hooks.slack.com/services/T01/B02/${secret}`),
  'a key of Google': plain((secret) => `maps key AIza${secret}`, letters, 35),
  'a key of Stripe': plain((secret) => `charge with sk_live_${secret}`),
  'a token of Vault': plain((secret) => `renewing hvs.${secret}`, letters, 24),
  'a JWT': (chance) => {
    const secret = chance(43);
    return { secret, text: `login of eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.${secret}` };
  },
  'a private key': (chance) => {
    const secret = chance(40);
    return {
      secret,
      text: `-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n${secret}\n-----END PRIVATE KEY-----`,
    };
  },
  'a private key of OpenSSH': (chance) => {
    const secret = chance(40);
    return { secret, text: `-----BEGIN OPENSSH PRIVATE KEY-----\n${secret}\n-----END OPENSSH PRIVATE KEY-----` };
  },
  'a private key on one line': (chance) => {
    const secret = chance(40);
    return {
      secret,
      text: `{"private_key":"-----BEGIN PRIVATE KEY-----\\n${secret}\\n-----END PRIVATE KEY-----\\n","id":1}`,
    };
  },
  'a private key that was cut off': (chance) => {
    const secret = chance(40);
    return { secret, text: `loaded -----BEGIN RSA PRIVATE KEY-----\n${secret}` };
  },
  'a field of JSON': plain((secret) => `{"user":"ann","password":"${secret}","retries":3}`),
  'a field of JSON with blanks': plain((secret) => `{ "clientSecret" : "${secret} and more" , "x" : 1 }`),
  'JSON in JSON': plain((secret) => `{"body":"{\\"token\\":\\"${secret}\\",\\"n\\":1}"}`),
  'a login to a registry in base64': (chance) => {
    const secret = base64(`robot:${chance(20)}`);
    return { secret, text: `{"auths":{"registry.example":{"auth":"${secret}"}}}` };
  },
  'a block of YAML': plain((secret) => `password: |\n  ${secret}\nuser: ann`),
  'the middle of a key': plain((secret) => `\n${secret}7aQ\n`, `${letters}/+`, 61),
  'a field of XML': plain((secret) => `<datasource><password>${secret}</password></datasource>`),
  'a field of a printed object': plain((secret) => `DataSource{user='ann', password='${secret}', pool=10}`),
  'a map that was printed': plain((secret) => `{user=ann, password=${secret}, pool=10}`),
  'an environment that was printed': plain((secret) => `env: [PATH=/bin, DB_PASSWORD=${secret}, HOME=/root]`),
  'what the JVM picked up': plain((secret) => `Picked up JAVA_TOOL_OPTIONS: -Xmx300m -Dshop.token=${secret} -Xss1m`),
};

export const secretForms: readonly string[] = Object.keys(forms);

/** As many secrets as asked for, each of its own; the forms take turns. */
export function plantedSecrets(amount: number): Planted[] {
  const next = numbers(20_261_103);
  const chance: Chance = (length, alphabet = letters) =>
    Array.from({ length }, () => alphabet[Math.floor(next() * alphabet.length)]).join('');
  const all = Object.entries(forms);
  return Array.from({ length: amount }, (_, index) => {
    const [form, make] = all[index % all.length] ?? raise();
    return { form, ...make(chance) };
  });
}

function raise(): never {
  throw new Error('there are no forms');
}

/** What people need to see, and what looks a little like a secret. */
export const harmlessTexts: readonly string[] = [
  '-Xmx312m -Xms8m -Xss1m -XX:MaxRAMPercentage=75.0 -XX:+ExitOnOutOfMemoryError -XX:MaxDirectMemorySize=16m',
  '-XX:ReservedCodeCacheSize=240m -XX:CompressedClassSpaceSize=1g -XX:+UseG1GC -XX:HeapDumpPath=/dumps',
  'java.lang.OutOfMemoryError: Java heap space',
  'Exception in thread "main" java.lang.OutOfMemoryError: Cannot reserve 1048576 bytes of direct buffer memory (allocated: 16777216, limit: 16777216)',
  'openjdk version "17.0.12" 2024-07-16 LTS',
  'OpenJDK Runtime Environment Temurin-17.0.12+7 (build 17.0.12+7)',
  'Heap: 131072K, used 130986K [0x00000000f8000000, 0x0000000100000000)',
  'PSYoungGen total 38400K, used 33280K',
  'the image registry.example/shop/checkout@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  'containerd://4c01db0b339c7c3c1b9a1f5b2f6c0c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7',
  'kubectl set env deploy/checkout -n shop -c checkout JAVA_TOOL_OPTIONS=-Xmx292m',
  'pod 3f1c9c1e-2b7d-4f6a-9a53-8f4f0a6f3d21 of deploy/token-service in namespace secrets-operator',
  'JAVA_TOOL_OPTIONS comes from secret jvm, key opts, which is not read.',
  'Grant get pods/log in namespace shop to Quorum’s identity.',
  'Liveness probe failed: Get "http://10.0.0.1:8080/health": context deadline exceeded',
  'oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=abc,task=java,pid=4242,uid=1000',
  'PASSWORD_FILE=/run/secrets/db TOKEN_TTL=15m KEY_COUNT=3',
  'reason OOMKilled, exit code 137; limit 512Mi of container checkout',
];
