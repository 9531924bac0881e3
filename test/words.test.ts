import { describe, expect, test } from '@jest/globals';
import { Refusal } from '../src/refusal.ts';
import { splitWords, unmangle } from '../src/words.ts';

describe('what Slack and phones make of a line is undone', () => {
  test.each([
    ['smart quotes', '/oom why “my pod”', '/oom why "my pod"'],
    ['single smart quotes', '/oom why ‘my pod’', "/oom why 'my pod'"],
    ['an em dash that stands for two dashes', '/etcd health —cluster prod', '/etcd health --cluster prod'],
    ['an en dash', '/etcd health –cluster prod', '/etcd health --cluster prod'],
    ['a bare dash before java flags', '/oom heap --jdk 17 — -Xmx1g', '/oom heap --jdk 17 -- -Xmx1g'],
    ['a link with a title', '/etcd add e4 <https://10.0.0.4:2380|10.0.0.4:2380>', '/etcd add e4 https://10.0.0.4:2380'],
    ['a link without one', 'see <https://x.example/a?b=1&amp;c=2>', 'see https://x.example/a?b=1&c=2'],
    ['a mail address', '<mailto:a@b.c|a@b.c>', 'a@b.c'],
    ['a person', '/ops audit --user <@U1|ann>', '/ops audit --user U1'],
    ['a channel', 'in <#C1|general>', 'in C1'],
    ['a user group', 'ask <!subteam^S1|@oncall>', 'ask S1'],
    ['entities', 'a &amp;&amp; b &lt;c&gt;', 'a && b <c>'],
    ['an entity that was typed as such', '&amp;lt;', '&lt;'],
    ['backticks', '/oom why `web-1`', '/oom why web-1'],
    ['zero-width characters', '/oom why web\u200b-1', '/oom why web-1'],
  ])('%s', (_, typed, meant) => {
    expect(unmangle(typed)).toBe(meant);
  });

  test('a dash inside a word stays', () => {
    expect(unmangle('web-1 a—b')).toBe('web-1 a—b');
  });
});

describe('words are split as a shell splits them', () => {
  test.each([
    ['/etcd health', ['/etcd', 'health']],
    ['  /etcd \t health\n', ['/etcd', 'health']],
    [`a "b c" 'd "e"' f\\ g`, ['a', 'b c', 'd "e"', 'f g']],
    ['--env=JAVA_TOOL_OPTIONS="-Xmx1g -Xss1m"', ['--env=JAVA_TOOL_OPTIONS=-Xmx1g -Xss1m']],
    ['"a\\"b"', ['a"b']],
    ["''", ['']],
    ['', []],
    ['مرحبا 🙂', ['مرحبا', '🙂']],
  ])('%j', (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });

  test('an open quote is refused with where it begins', () => {
    expect(() => splitWords('why "web 1')).toThrow(new Refusal('A quote (") is opened and not closed: "web 1', ''));
  });
});
