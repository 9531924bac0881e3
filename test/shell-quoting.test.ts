import { expect, test } from '@jest/globals';
import { quotedWord } from '../src/shell-quoting.ts';

test.each([
  ['/etc/quorum/ca.crt', '/etc/quorum/ca.crt'],
  ['/my files/ca.crt', "'/my files/ca.crt'"],
  ["/it's/ca.crt", "'/it'\\''s/ca.crt'"],
  ['https://[::1]:2379', "'https://[::1]:2379'"],
  ['$(reboot)', "'$(reboot)'"],
  ['JAVA_TOOL_OPTIONS=-Xmx1g', 'JAVA_TOOL_OPTIONS=-Xmx1g'],
  ['', "''"],
])('a word to copy is quoted only where a shell needs it: %s', (word, quoted) => {
  expect(quotedWord(word)).toBe(quoted);
});
