import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { commands } from '../commands/index.ts';
import { parseConfig } from '../src/config.ts';
import { madePages } from '../src/docs.ts';
import { manifest, scopes } from '../src/slack/manifest.ts';

const root = resolve(import.meta.dirname, '..');
const read = (path: string) => readFileSync(resolve(root, path), 'utf8');

test('the pages that are made from the code are up to date: run `npm run docs` where this fails', () => {
  for (const [path, text] of Object.entries(madePages(root)))
    expect({ path, text: read(path) }).toEqual({ path, text });
});

test('every path that README and docs link to is there', () => {
  for (const page of [
    'README.md',
    'docs/how-it-works.md',
    'docs/operating.md',
    'docs/jvm-memory.md',
    'docs/etcd-in-trouble.md',
    'docs/commands.md',
    'docs/configuration.md',
  ]) {
    const links = [...read(page).matchAll(/\]\(([^)#]+)\)/g)]
      .map((match) => match[1] ?? '')
      .filter((link) => !link.startsWith('http'));
    for (const link of links) expect(() => readFileSync(resolve(root, page, '..', link))).not.toThrow(/ENOENT/);
  }
});

test('every file that the pages name is there', () => {
  for (const page of ['README.md', 'docs/how-it-works.md', 'docs/operating.md', 'docs/jvm-memory.md']) {
    const names = [
      ...read(page).matchAll(/`((?:src|jobs|commands|test|docs|scripts)\/[a-z0-9/.-]+\.(?:ts|md|yaml|mjs))`/g),
    ].map((match) => match[1] ?? '');
    for (const name of names) expect(() => read(name)).not.toThrow();
  }
});

test('the example config is one', () => {
  const environment = { SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1' };
  expect(() => parseConfig(read('docs/quorum.example.yaml'), environment, ['slack'])).not.toThrow();
});

test('the manifest names every noun as a slash command, and every scope', () => {
  const made = parse(manifest(commands, undefined));
  expect(made.features.slash_commands.map(({ command }: { command: string }) => command)).toEqual([
    '/etcd',
    '/oom',
    '/ops',
  ]);
  expect(made.oauth_config.scopes.bot).toEqual(Object.keys(scopes));
  expect(made.settings).toMatchObject({
    socket_mode_enabled: true,
    event_subscriptions: { bot_events: ['app_mention', 'message.im'] },
  });
  for (const slash of made.features.slash_commands) {
    expect(slash.description.length).toBeLessThanOrEqual(100);
    expect(slash.usage_hint.length).toBeLessThanOrEqual(100);
  }
});

test('in http mode and with a prefix the manifest says where Slack sends what', () => {
  const made = parse(manifest(commands, { mode: 'http', commandPrefix: 'q-' }));
  expect(made.features.slash_commands[0]).toMatchObject({ command: '/q-etcd', url: 'https://YOUR-HOST/slack/events' });
  expect(made.settings.interactivity).toEqual({ is_enabled: true, request_url: 'https://YOUR-HOST/slack/events' });
});

test('every command that the page about etcd in trouble names is there, with its flags and its words', () => {
  const page = read('docs/etcd-in-trouble.md');
  const named = [...page.matchAll(/`\/([a-z]+ [^`]+)`/g)].map((match) => match[1] ?? '');
  expect(named.length).toBeGreaterThan(40);
  for (const line of named) {
    const [found] = commands
      .filter(({ name }) => line === name || line.startsWith(`${name} `))
      .sort((a, b) => b.name.length - a.name.length);
    expect({ line, found: found?.name }).toEqual({ line, found: expect.any(String) });
    const words = line
      .slice(found?.name.length ?? 0)
      .split(' ')
      .filter((word) => word !== '');
    for (const word of words)
      if (word.startsWith('--')) expect(Object.keys(found?.flags ?? {})).toContain(word.slice(2));
      else if (word.startsWith('<')) expect(`${found?.takes}`).toContain(word);
  }
});
