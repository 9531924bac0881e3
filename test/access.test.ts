import { describe, expect, test } from '@jest/globals';
import { demandRole, groupsIn, type Person, rolesOf } from '../src/access.ts';
import { emptyConfig } from '../src/config.ts';

const access = { ...emptyConfig().access, operators: ['U1', 'S1'], approvers: ['S2'] };
const person = (more: Partial<Person>): Person => ({ id: 'U9', isFullMember: true, groups: [], ...more });

describe('roles come from the config, by person and by user group', () => {
  test.each([
    ['a full member where everyone may look', person({}), ['viewer']],
    ['an operator by id', person({ id: 'U1' }), ['viewer', 'operator']],
    ['an operator by group', person({ groups: ['S1'] }), ['viewer', 'operator']],
    ['an approver', person({ groups: ['S2'] }), ['viewer', 'approver']],
    ['a guest who is listed', person({ id: 'U1', isFullMember: false }), []],
  ] as const)('%s', (_, who, roles) => {
    expect(rolesOf(who, access)).toEqual(roles);
  });

  test('where viewers are listed, others have no role', () => {
    expect(rolesOf(person({}), { ...access, viewers: ['U5'] })).toEqual([]);
  });

  test('the groups whose members must be known are those the config names', () => {
    expect(groupsIn({ ...access, viewers: ['S9', 'U1'] })).toEqual(['S9', 'S1', 'S2']);
  });
});

describe('who may not is told why', () => {
  test('a viewer who asks for a change', () => {
    expect(() => demandRole(person({}), 'operator', access)).toThrow(
      'You need the role operator for this, and you do not have it.',
    );
  });

  test('anybody, where nobody is an approver', () => {
    expect(() => demandRole(person({ id: 'U1' }), 'approver', { ...access, approvers: [] })).toThrow(
      'You need the role approver',
    );
  });

  test('an operator is no approver, and an approver may ask as an operator', () => {
    expect(() => demandRole(person({ id: 'U1' }), 'approver', access)).toThrow('You need the role approver');
    expect(() => demandRole(person({ groups: ['S2'] }), 'operator', access)).not.toThrow();
  });

  test('a guest', () => {
    expect(() => demandRole(person({ isFullMember: false }), 'viewer', access)).toThrow(
      'This is for full members of this workspace',
    );
  });
});
