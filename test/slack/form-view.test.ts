import { expect, test } from '@jest/globals';
import { etcdAdd } from '../../commands/etcd/add.ts';
import { formView } from '../../src/slack/form-view.ts';

const origin = { command: 'etcd add', channelId: 'C1' };

function optionalFields(required: readonly string[]): string[] {
  const { form } = etcdAdd;
  if (form === undefined) throw new Error('there is no form');
  const { blocks } = formView(etcdAdd, form, [], required, origin) as { blocks: Record<string, unknown>[] };
  return blocks.filter(({ optional }) => optional === true).map(({ block_id }) => String(block_id));
}

test('the form of /etcd add asks for a reason, and demands it where the config does', () => {
  expect(optionalFields([])).toEqual(['spare', 'cert', 'reason']);
  expect(optionalFields(['reason'])).toEqual(['spare', 'cert']);
});
