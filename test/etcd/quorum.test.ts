import { describe, expect, test } from '@jest/globals';
import { describeQuorum, quorumOf } from '../../src/etcd/quorum.ts';

const voters = (works: string) => [...works].map((mark) => ({ isLearner: false, works: mark === '+' }));

describe('the arithmetic of a quorum', () => {
  test.each([
    ['+', { voters: 1, needed: 1, canLose: 0 }],
    ['++', { voters: 2, needed: 2, canLose: 0 }],
    ['+++', { voters: 3, needed: 2, canLose: 1 }],
    ['++-', { voters: 3, needed: 2, canLose: 0 }],
    ['+--', { voters: 3, needed: 2, canLose: 0 }],
    ['++++', { voters: 4, needed: 3, canLose: 1 }],
    ['+++-', { voters: 4, needed: 3, canLose: 0 }],
    ['+++++', { voters: 5, needed: 3, canLose: 2 }],
    ['++++-', { voters: 5, needed: 3, canLose: 1 }],
    ['+++++++', { voters: 7, needed: 4, canLose: 3 }],
    ['', { voters: 0, needed: 0, canLose: 0 }],
  ])('of voters %p', (works, quorum) => {
    expect(quorumOf(voters(works))).toEqual(quorum);
  });

  test('a learner neither votes nor helps', () => {
    expect(quorumOf([...voters('++-'), { isLearner: true, works: true }])).toEqual({
      voters: 3,
      needed: 2,
      canLose: 0,
    });
  });

  test('is told in one line', () => {
    expect(describeQuorum({ voters: 3, needed: 2, canLose: 1 }, 3)).toBe(
      '3 voters, 2 needed, 3 working: 1 more may be lost',
    );
    expect(describeQuorum({ voters: 3, needed: 2, canLose: 0 }, 1)).toBe(
      '3 voters, 2 needed, 1 working: 1 too few, no writes',
    );
    expect(describeQuorum({ voters: 1, needed: 1, canLose: 0 }, 1)).toBe(
      '1 voter, 1 needed, 1 working: 0 more may be lost',
    );
  });
});
