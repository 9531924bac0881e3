import { describe, expect, test } from '@jest/globals';
import { firstAnswer } from '../../src/etcd/first-answer.ts';

const never = new Promise<string>(() => {});

describe('one answer of several members', () => {
  test('is asked for once where the first one answers', async () => {
    const asked: string[] = [];
    const answer = await firstAnswer(['a', 'b'], 1000, async (name) => {
      asked.push(name);
      return name;
    });
    expect({ answer, asked }).toEqual({ answer: 'a', asked: ['a'] });
  });

  test('comes from the next one at once when the first fails', async () => {
    const answer = firstAnswer(['a', 'b'], 60_000, (name) =>
      name === 'a' ? Promise.reject(new Error('down')) : Promise.resolve(name),
    );
    await expect(answer).resolves.toBe('b');
  });

  test('comes from the next one after a while when the first is silent', async () => {
    await expect(firstAnswer(['a', 'b'], 5, (name) => (name === 'a' ? never : Promise.resolve(name)))).resolves.toBe(
      'b',
    );
  });

  test('is refused with every reason when all fail', async () => {
    const failing = firstAnswer(['a', 'b'], 1000, (name) => Promise.reject(new Error(`${name} is down`)));
    await expect(failing).rejects.toMatchObject({ errors: [{ message: 'a is down' }, { message: 'b is down' }] });
  });

  test('is refused where there is nobody to ask', async () => {
    await expect(firstAnswer([], 1000, async () => 'x')).rejects.toBeInstanceOf(AggregateError);
  });
});
