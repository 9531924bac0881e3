import { describe, expect, test } from '@jest/globals';
import type { WatchRule } from '../../src/incident/config.ts';
import { type ChannelChoice, dueAtOf, type RouteFacts, routeFor } from '../../src/incident/routing.ts';

const rule = (channel: string, more: Partial<WatchRule> = {}): WatchRule => ({
  channel,
  namespaces: [],
  labels: {},
  annotations: {},
  ...more,
});
const facts = (more: Partial<RouteFacts> = {}): RouteFacts => ({
  cluster: 'prod',
  namespace: 'shop',
  labels: {},
  annotations: {},
  ...more,
});
const choice = (channelId: string, isOn: boolean, more: Partial<ChannelChoice> = {}): ChannelChoice => ({
  channelId,
  cluster: 'prod',
  namespace: null,
  isOn,
  by: 'U1',
  at: 1,
  ...more,
});
const channelFor = (
  rules: readonly WatchRule[],
  choices: readonly ChannelChoice[] = [],
  more: Partial<RouteFacts> = {},
) => routeFor(facts(more), rules, choices)?.channelId;

describe('who hears of it', () => {
  test('the first rule that fits, and the one without conditions only when no other does, wherever it stands', () => {
    const rules = [rule('DEFAULT'), rule('SHOP', { namespaces: ['shop'] }), rule('LATER', { namespaces: ['shop'] })];
    expect(channelFor(rules)).toBe('SHOP');
    expect(channelFor(rules, [], { namespace: 'pay' })).toBe('DEFAULT');
  });

  test('all of the labels and annotations that a rule names, and its cluster', () => {
    const rules = [
      rule('BOTH', { labels: { team: 'pay', tier: '1' } }),
      rule('NOTED', { annotations: { owner: 'ann' } }),
      rule('OTHER', { cluster: 'staging' }),
    ];
    expect(channelFor(rules, [], { labels: { team: 'pay' } })).toBeUndefined();
    expect(channelFor(rules, [], { labels: { team: 'pay', tier: '1', more: 'x' } })).toBe('BOTH');
    expect(channelFor(rules, [], { annotations: { owner: 'ann' } })).toBe('NOTED');
    expect(channelFor(rules, [], { cluster: 'staging' })).toBe('OTHER');
  });

  test('a channel that chose the namespace comes before the rules, one that chose the cluster before the default', () => {
    const rules = [rule('DEFAULT'), rule('PAY', { namespaces: ['pay'] })];
    const choices = [choice('CHOSE-SHOP', true, { namespace: 'shop' }), choice('CHOSE-ALL', true)];
    expect(channelFor(rules, choices)).toBe('CHOSE-SHOP');
    expect(channelFor(rules, choices, { namespace: 'pay' })).toBe('PAY');
    expect(channelFor(rules, choices, { namespace: 'other' })).toBe('CHOSE-ALL');
    expect(channelFor(rules, choices, { cluster: 'staging' })).toBe('DEFAULT');
  });

  test('a channel that switched it off is passed over: the next in line hears of it, or nobody', () => {
    const rules = [rule('SHOP', { namespaces: ['shop'] }), rule('DEFAULT')];
    expect(channelFor(rules, [choice('SHOP', false)])).toBe('DEFAULT');
    expect(channelFor(rules, [choice('SHOP', false), choice('DEFAULT', false)])).toBeUndefined();
    expect(channelFor(rules, [choice('SHOP', false, { namespace: 'shop' })])).toBe('DEFAULT');
    // All off but this one.
    expect(channelFor(rules, [choice('SHOP', false), choice('SHOP', true, { namespace: 'shop' })])).toBe('SHOP');
  });

  test('what has no namespace is for rules without one', () => {
    expect(channelFor([rule('SHOP', { namespaces: ['shop'] })], [], { namespace: null })).toBeUndefined();
    expect(channelFor([rule('DEFAULT')], [], { namespace: null })).toBe('DEFAULT');
  });

  test('within quiet hours it is told when they are over', () => {
    const quietHours = { from: '22:00', to: '07:00', timeZone: 'UTC' };
    const route = routeFor(facts(), [rule('SHOP', { quietHours })], []);
    const night = Date.parse('2026-11-29T23:00:00Z');
    const day = Date.parse('2026-11-29T12:00:00Z');
    expect(route === undefined ? 0 : dueAtOf(route, night)).toBe(Date.parse('2026-11-30T07:00:00Z'));
    expect(route === undefined ? 0 : dueAtOf(route, day)).toBe(day);
  });
});
