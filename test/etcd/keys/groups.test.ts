import { describe, expect, test } from '@jest/globals';
import { Groups } from '../../../src/etcd/keys/groups.ts';
import { directoryLength } from '../../../src/etcd/keys/key-range.ts';
import { keyBytes, keyText } from '../../../src/etcd/keys/key-text.ts';
import { kubernetesName } from '../../../src/etcd/keys/kubernetes-names.ts';
import { isBelowOpen, OpenLengths } from '../../../src/etcd/keys/openness.ts';
import { wantsNames } from '../../../src/etcd/keys/survey.ts';

describe('keys counted by prefix', () => {
  const grouped = (top: number, keys: readonly string[]) => {
    const groups = new Groups(top, (key) => directoryLength(key, 2));
    for (const key of keys) groups.take({ key: Buffer.from(key), valueBytes: 10 });
    const { largest, total } = groups.finish();
    return { largest: largest.map(({ prefix, keys: amount, bytes }) => `${prefix} ${amount} ${bytes}`), total };
  };

  test('a directory and what lies in its directories are told apart, also where they alternate', () => {
    expect(grouped(9, ['/a/b', '/a/c/d', '/a/c/e', '/a/f', 'g']).largest).toEqual(['/a/c/ 2 32', '/a/ 2 28', ' 1 11']);
  });

  test('only the largest are kept, and all are counted', () => {
    const { largest, total } = grouped(1, ['/a/b/1', '/a/c/1', '/a/c/2', '/a/d/1']);
    expect(largest).toEqual(['/a/c/ 2 32']);
    expect(total).toEqual({ groups: 3, keys: 4, bytes: 64 });
  });
});

describe('what everybody may see of a key', () => {
  const open = new OpenLengths();

  test.each([
    ['/registry/pods/shop/web-1', '/registry/pods/shop/'],
    ['/registry/minions/node-1', '/registry/minions/'],
    ['/registry/health', '/registry/'],
    ['/registry/services/specs/shop/web', '/registry/services/specs/shop/'],
    ['/registry/cert-manager.io/certificates/shop/web', '/registry/cert-manager.io/certificates/shop/'],
    ['/kubernetes.io/secrets/shop/db', '/kubernetes.io/secrets/shop/'],
    ['/app/users/ann@example.com/token', '/app/users/'],
    ['app/users/ann', 'app/users/'],
    ['fruit', ''],
  ])('%s: %s', (key, shown) => {
    expect(key.slice(0, open.of(Buffer.from(key)))).toBe(shown);
  });

  test.each([
    ['/registry/secrets/shop/', false],
    ['/registry/secrets/shop/db', true],
    ['/registry/secrets/sh', false],
    ['/registry/services/specs/shop/', false],
    ['/app/users/ann', true],
    ['/app/users/', false],
    ['', false],
  ])('the prefix %s reaches below it: %s', (prefix, isBelow) => {
    expect(isBelowOpen(Buffer.from(prefix))).toBe(isBelow);
  });

  test.each([
    ['', null, false],
    ['', 3, false],
    ['', 4, true],
    ['/registry/pods/', null, false],
    ['/registry/pods/', 1, false],
    ['/registry/pods/', 2, true],
    ['/registry/secrets/shop/db', null, true],
  ])('%s with the depth %s asks for names: %s', (prefix, depth, isNaming) => {
    expect(wantsNames({ prefix, depth })).toBe(isNaming);
  });
});

test.each([
  ['/registry/', 'all of Kubernetes'],
  ['/registry/pods/', 'pods'],
  ['/registry/pods/shop/', 'pods in shop'],
  ['/registry/minions/', 'nodes'],
  ['/registry/masterleases/', 'addresses of API servers'],
  ['/registry/services/endpoints/shop/', 'endpoints in shop'],
  ['/registry/apiextensions.k8s.io/', 'definitions of custom resources'],
  ['/registry/cert-manager.io/', 'objects of cert-manager.io'],
  ['/registry/cert-manager.io/certificates/shop/', 'certificates.cert-manager.io in shop'],
  ['/app/pods/', ''],
])('%s holds: %s', (prefix, name) => {
  expect(kubernetesName(Buffer.from(prefix))).toBe(name);
});

describe('a key as text', () => {
  test.each([
    [Buffer.from('/registry/pods/'), '/registry/pods/'],
    [Buffer.from('café'), 'café'],
    [Buffer.from([0x61, 0x00, 0xff]), 'a\\x00\\xff'],
    [Buffer.from('a\nb\u202e'), 'a\\x0ab\\xe2\\x80\\xae'],
    [Buffer.from('a\\b'), 'a\\\\b'],
  ])('%p is shown as %s, which can be typed', (key, text) => {
    expect(keyText(key)).toBe(text);
    expect(keyBytes(text).equals(key)).toBe(true);
  });

  test.each(['a\\b', 'a\\x1', '\\'])('%s is refused', (typed) => {
    expect(() => keyBytes(typed)).toThrow('has a backslash that stands for nothing.');
  });
});
