import { expect, test } from '@jest/globals';
import { hintFor } from '../../src/jvm/hint.ts';

const jdk = { major: 17, update: 9, patch: null, text: '17.0.9' };

test.each([
  ['registry.example/shop/*', 'registry.example/shop/checkout:1.2', true],
  ['registry.example/shop/*', 'registry.example/shop/deep/checkout@sha256:00', true],
  ['registry.example/shop/*', 'registry.example/shopping:1', false],
  ['registry.example/shop/*', 'mirror/registry.example/shop/checkout', false],
  ['*/checkout:*', 'registry.example/shop/checkout:1.2', true],
  ['*/checkout:*-native', 'registry.example/shop/checkout:1.2', false],
  ['*-native', 'registry.example/orders-native', true],
  ['shop/checkout:1.2', 'shop/checkout:1.2', true],
  ['shop/checkout', 'shop/checkout:1.2', false],
  // The two ends may not share letters.
  ['aba*aba', 'aba', false],
  ['*', 'x', true],
  [`${'*a'.repeat(40)}b`, 'a'.repeat(10_000), false],
])('%s on %s', (match, image, isMeant) => {
  expect(hintFor(image, [{ match, jdk }]) !== undefined).toBe(isMeant);
});

test('the first hint that matches counts, and an image that is not known has none', () => {
  const hints = [
    { match: 'shop/legacy:*', jdk: { ...jdk, major: 8 } },
    { match: 'shop/*', jdk },
  ];
  expect(hintFor('shop/legacy:1', hints)?.jdk.major).toBe(8);
  expect(hintFor('shop/checkout:1', hints)?.jdk.major).toBe(17);
  expect(hintFor(undefined, hints)).toBeUndefined();
});
