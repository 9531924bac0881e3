import { expect, test } from '@jest/globals';
import { etcdAdd } from '../../commands/etcd/add.ts';
import { etcdConfig } from '../../commands/etcd/config.ts';
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

test('a field for a text of many lines is one in Slack, and a look promises no approval', () => {
  const { form } = etcdConfig;
  if (form === undefined) throw new Error('there is no form');
  const { blocks } = formView(etcdConfig, form, [], [], { command: 'etcd config', channelId: 'C1' }) as {
    blocks: Record<string, unknown>[];
  };
  expect(JSON.stringify(blocks[0])).not.toContain('approves');
  expect(blocks[1]).toMatchObject({
    block_id: 'paste',
    element: { type: 'plain_text_input', multiline: true, max_length: 3000 },
  });
});
