import type { Role } from './command.ts';
import type { Config } from './config.ts';
import { Refusal } from './refusal.ts';

/** A person as the workspace knows them: what decides whether `everyone` means them. */
export type Person = {
  readonly id: string;
  /** A full member of this workspace: no guest, no bot, not deactivated, not of another organisation (Slack Connect). */
  readonly isFullMember: boolean;
  /** The ids of the user groups they are in, of those that the config names. */
  readonly groups: readonly string[];
};

/** Each role may do what the ones before it may. */
const roleRank: Record<Role, number> = { viewer: 0, operator: 1, approver: 2 };

/** Does this list of the config hold this person, by their own id or by a group of theirs? */
function holds(ids: readonly string[], person: Person): boolean {
  return ids.includes(person.id) || person.groups.some((group) => ids.includes(group));
}

/** The roles that the config gives to a person, least first. Nobody but a full member has any. */
export function rolesOf(person: Person, access: Config['access']): Role[] {
  if (!person.isFullMember) return [];
  const roles: Role[] = [];
  const isApprover = holds(access.approvers, person);
  const isOperator = holds(access.operators, person);
  if (access.viewers === 'everyone' || holds(access.viewers, person) || isOperator || isApprover) roles.push('viewer');
  if (isOperator) roles.push('operator');
  if (isApprover) roles.push('approver');
  return roles;
}

/** @throws Refusal for whoever may not act alone */
export function demandBreakGlass(person: Person, access: Config['access']): void {
  if (person.isFullMember && holds(access.breakGlass, person)) return;
  throw new Refusal(
    access.breakGlass.length === 0
      ? 'Nobody may act alone here: access.breakGlass is empty.'
      : 'You may not act alone here.',
    'Ask without --break-glass; a second person then approves it.',
  );
}

/** The roles of a person with what gives them each: for whoever wonders why they may or may not. */
export function rolesWithReasons(
  person: Person,
  access: Config['access'],
): { role: Role | 'break-glass'; because: string }[] {
  if (!person.isFullMember) return [];
  const reason = (list: string, ids: readonly string[]) => {
    const group = person.groups.find((id) => ids.includes(id));
    return ids.includes(person.id) ? `${list} names you` : `${list} names your group ${group}`;
  };
  const roles = rolesOf(person, access).map((role) => {
    if (role === 'operator') return { role, because: reason('access.operators', access.operators) };
    if (role === 'approver') return { role, because: reason('access.approvers', access.approvers) };
    if (access.viewers === 'everyone') return { role, because: 'access.viewers is everyone' };
    return {
      role,
      because: holds(access.viewers, person)
        ? reason('access.viewers', access.viewers)
        : 'operators and approvers may look as well',
    };
  });
  return holds(access.breakGlass, person)
    ? [...roles, { role: 'break-glass', because: reason('access.breakGlass', access.breakGlass) }]
    : roles;
}

/** The user groups that the config names anywhere: those whose members have to be known. */
export function groupsIn(access: Config['access']): string[] {
  const lists = [
    access.viewers === 'everyone' ? [] : access.viewers,
    access.operators,
    access.approvers,
    access.breakGlass,
  ];
  return [...new Set(lists.flat().filter((id) => id.startsWith('S')))];
}

/**
 * Lets a person ask for what needs a role, or refuses.
 * A role that nobody holds is held by nobody: an empty list never waves anybody through.
 * @throws Refusal that says which role is needed and who can give it
 */
export function demandRole(person: Person, needed: Role, access: Config['access']): void {
  if (!person.isFullMember)
    throw new Refusal(
      'This is for full members of this workspace: not for guests, bots, deactivated people or people of other organisations.',
      'Ask a member of the on-call team to run it for you.',
    );
  const roles = rolesOf(person, access);
  const isAllowed =
    needed === 'approver' ? roles.includes('approver') : roles.some((role) => roleRank[role] >= roleRank[needed]);
  if (isAllowed) return;
  const list = { viewer: 'access.viewers', operator: 'access.operators', approver: 'access.approvers' }[needed];
  throw new Refusal(
    `You need the role ${needed} for this, and you do not have it.`,
    `Whoever keeps quorum.yaml can add you, or a user group of yours, to ${list}.`,
  );
}
