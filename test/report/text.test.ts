import { describe, expect, test } from '@jest/globals';
import { alignedTable, count, formatBytes, formatDuration, listed, shortened } from '../../src/report/text.ts';

describe('sizes are in the unit that people set them in', () => {
  test.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [20_480, '20 KiB'],
    [132_120_576, '126 MiB'],
    [2_088_763_392, '1992 MiB'],
    [536_870_912, '512 MiB'],
    [1_288_490_189, '1.2 GiB'],
    [1_610_612_736, '1.5 GiB'],
    [8_589_934_592, '8 GiB'],
    [8_350_720_000, '7.8 GiB'],
    [1_099_511_627_776, '1 TiB'],
  ])('%d', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('durations are in their two largest units', () => {
  test.each([
    [-5, '0 ms'],
    [350, '350 ms'],
    [1000, '1 s'],
    [1234, '1.2 s'],
    [59_600, '1 min'],
    [190_000, '3 min 10 s'],
    [7_500_000, '2 h 5 min'],
    [7_200_000, '2 h'],
    [273_600_000, '3 d 4 h'],
  ])('%d ms', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

test('lists, counts and cuts read like sentences', () => {
  expect(listed(['a', 'b', 'c'])).toBe('a, b and c');
  expect(listed(['a', 'b'], 'or')).toBe('a or b');
  expect(listed([])).toBe('');
  expect(count(1, 'member')).toBe('1 member');
  expect(count(0, 'entry', 'entries')).toBe('0 entries');
  expect(shortened('🙂🙂🙂🙂', 3)).toBe('🙂🙂…');
});

test('tables are aligned by characters, without trailing spaces', () => {
  expect(
    alignedTable(
      ['a', 'b'],
      [
        ['längst', '1'],
        ['x', ''],
      ],
    ),
  ).toBe('a       b\nlängst  1\nx');
});
