import { describe, expect, test } from '@jest/globals';
import { ListItems } from '../../src/kubernetes/list-items.ts';

const tricky = {
  kind: 'PodList',
  apiVersion: 'v1',
  metadata: { resourceVersion: '7', continue: 'next', items: ['none of these'], remainingItemCount: 3 },
  items: [
    { name: 'quotes "in\\" it', text: '],[}{"items":[', nested: { items: [{ a: [1, [2]] }] } },
    {},
    null,
    7,
    ['x', ']'],
    'a, "b"',
    { unicode: 'Ünïcödé 🙂', last: true },
  ],
  items2: [1],
};

function taken(text: string, sizeOfPart: number): { items: unknown[]; around: unknown } {
  const items: unknown[] = [];
  const list = new ListItems((item) => items.push(JSON.parse(item)));
  for (let from = 0; from < text.length; from += sizeOfPart) list.add(text.slice(from, from + sizeOfPart));
  return { items, around: list.end() };
}

describe('a list that comes in parts', () => {
  const { items, ...rest } = tricky;

  test.each([1, 2, 3, 7, 10_000])('is the same in parts of %i', (sizeOfPart) => {
    for (const text of [JSON.stringify(tricky), JSON.stringify(tricky, undefined, 2)])
      expect(taken(text, sizeOfPart)).toEqual({ items, around: { ...rest, items: [] } });
  });

  test('may have its items first, last, empty or not at all', () => {
    expect(taken('{"items":[{"a":1}],"metadata":{}}', 5)).toEqual({
      items: [{ a: 1 }],
      around: { items: [], metadata: {} },
    });
    expect(taken('{"items" : [ ] }', 5)).toEqual({ items: [], around: { items: [] } });
    expect(taken('{"items":null}', 5)).toEqual({ items: [], around: { items: null } });
    expect(taken('{}', 5)).toEqual({ items: [], around: {} });
  });

  test.each([
    '',
    '<html>[{"items":[',
    '{"items":[{"a":1},{"b":',
    '{"items":[{"a":1}]',
    '{"items":[}{]}',
    ']]]]{"items":[',
  ])('is none where it is %j', (text) => {
    expect(() => taken(text, 4)).toThrow(/JSON|Unexpected|Expected/);
  });

  test('has an end', () => {
    const list = new ListItems(() => {});
    list.add('{"items":[{"a":"');
    expect(() => {
      for (let part = 0; part < 20; part += 1) list.add('x'.repeat(1024 * 1024));
    }).toThrow('a list without an end');
  });
});
