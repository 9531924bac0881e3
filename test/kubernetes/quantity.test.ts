import { describe, expect, test } from '@jest/globals';
import { formatQuantity, parseQuantity } from '../../src/kubernetes/quantity.ts';

describe('the bot reads quantities as Kubernetes does', () => {
  test.each([
    ['512Mi', 536_870_912],
    ['512M', 512_000_000],
    ['0.5Gi', 536_870_912],
    ['.5Gi', 536_870_912],
    ['1.Gi', 1_073_741_824],
    ['129e6', 129_000_000],
    ['129E6', 129_000_000],
    ['129e-1', 13],
    ['1500m', 2],
    ['1m', 1],
    ['1n', 1],
    ['1e3', 1000],
    ['1E3', 1000],
    ['+1Gi', 1_073_741_824],
    ['7Ei', 7 * 2 ** 60],
    ['8Ei', 2 ** 63],
    ['512m', 1],
    ['2000000u', 2],
    ['536870912', 536_870_912],
    ['8155000Ki', 8_350_720_000],
    ['0.1Gi', 107_374_183],
    ['1k', 1000],
    ['1G', 1_000_000_000],
    ['1Ti', 1_099_511_627_776],
    ['1E', 1e18],
    ['2Pi', 2 * 1024 ** 5],
    ['0', 0],
    ['0Gi', 0],
    ['+1Mi', 1_048_576],
    ['-1Mi', -1_048_576],
    ['-1500m', -2],
    ['9999999999Ei', 2 ** 63],
    ['1e999999999', 2 ** 63],
    ['1e-999999999', 1],
    ['0e999999999', 0],
  ])('%s is %d', (text, bytes) => {
    expect(parseQuantity(text)).toBe(bytes);
  });

  test.each([
    '',
    ' ',
    '512 Mi',
    '512MB',
    '512mi',
    '512K',
    '1,5Gi',
    '1.5.5',
    '.',
    'Mi',
    '1e',
    '1e1.5',
    '0x10',
    'NaN',
    'Infinity',
    '--1',
    '1Mi\n',
    '５12Mi',
    '1KiB',
    '1GiB',
    '512mb',
    '1..5Gi',
    '1gi',
    '1K',
    '1Mi1',
    'e5',
  ])('"%s" is no quantity', (text) => {
    expect(parseQuantity(text)).toBeUndefined();
  });
});

test.each([
  [536_870_912, '512Mi'],
  [8_589_934_592, '8Gi'],
  [8_350_720_000, '8155000Ki'],
  [129_000_001, '129000001'],
])('%d bytes are written as %s', (bytes, text) => {
  expect(formatQuantity(bytes)).toBe(text);
});
