import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type bolt from '@slack/bolt';
import type { BrowserContext, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { waitFor } from './process.ts';
import { livelyWorkspace, startSceneBot } from './slack/scene.ts';
import type { SlackWorkspace } from './slack/server.ts';

/** A Chromium on this machine: `CHROMIUM_PATH`, else one on PATH. */
function findChromium(): string | undefined {
  const given = process.env.CHROMIUM_PATH;
  if (given !== undefined && given !== '') return given;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file));
}

/** A browser on a busy machine takes its time. */
jest.setTimeout(20_000);

const browserPath = findChromium();
const pictures = process.env.SLACK_PAGE_PICTURES;

const describeWithBrowser = browserPath === undefined ? describe.skip : describe;
if (browserPath === undefined) {
  process.stderr.write('The page is not tested: no chromium on PATH and no CHROMIUM_PATH.\n');
}

describeWithBrowser('the page of the local workspace', () => {
  let slack: SlackWorkspace;
  let app: bolt.App;
  let browser: BrowserContext;
  let page: Page;
  let profile: string;
  const errors: string[] = [];

  beforeAll(async () => {
    slack = await livelyWorkspace();
    app = await startSceneBot(slack);
    profile = await mkdtemp(join(tmpdir(), 'quorum-page-'));
    browser = await chromium.launchPersistentContext(profile, {
      executablePath: browserPath ?? '',
      headless: true,
      viewport: { width: 1280, height: 800 },
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    browser.setDefaultTimeout(5000);
    page = browser.pages()[0] ?? (await browser.newPage());
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    await page.goto(slack.pageUrl);
  }, 30_000);

  afterAll(async () => {
    await browser?.close();
    await app?.stop();
    await slack?.stop();
    await rm(profile, { recursive: true, force: true });
  });

  const picture = async (name: string): Promise<void> => {
    if (pictures !== undefined) await page.screenshot({ path: join(pictures, `${name}.png`) });
  };

  const holds = (expression: string): Promise<unknown> =>
    waitFor(expression, async () => (await page.evaluate(expression)) === true);
  /** How far a list is from its end, in pixels. */
  const fromEnd = (id: string): string =>
    `(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight)(document.getElementById('${id}'))`;
  /** Whether the last message that holds a text is seen inside its list, its first line at least. */
  const isSeen = (id: string, text: string): string => `(() => {
    const list = document.getElementById('${id}');
    const found = [...list.querySelectorAll('article')].findLast((each) => each.textContent.includes('${text}'));
    if (!found) return false;
    const [inside, outside] = [found.getBoundingClientRect(), list.getBoundingClientRect()];
    return inside.top >= outside.top && inside.top + 24 <= outside.bottom;
  })()`;

  test('opens on the channel with its newest thread open', async () => {
    await page.getByRole('heading', { name: '#ops' }).waitFor();
    const thread = page.getByRole('region', { name: 'Thread' });
    await thread.getByText('etcd-3 does not answer').waitFor();
    expect(await page.locator('#messages .replies').last().innerText()).toContain('5 replies');
    await picture('desktop');
  });

  test('renders marks, tables, plans and files, and nothing that a message holds runs', async () => {
    const thread = page.locator('#thread-messages');
    expect(await thread.locator('strong').filter({ hasText: 'Do this next' }).count()).toBe(1);
    expect(await thread.locator('blockquote').innerText()).toBe('dial tcp 10.0.0.3:2379: connect: connection refused');
    expect(await thread.locator('pre').first().innerText()).toBe(
      'ETCDCTL_API=3 etcdctl --endpoints=https://10.0.0.3:2379 endpoint status -w table',
    );
    expect(await thread.locator('table tr').last().locator('td').allInnerTexts()).toEqual([
      'etcd-3',
      'unreachable',
      '?',
      'refused on 10.0.0.3:2379',
    ]);
    expect(await page.evaluate('[...document.querySelectorAll(".task")].map((task) => task.className)')).toEqual([
      'task complete',
      'task in_progress',
      'task pending',
      'task error',
    ]);
    expect(await thread.locator('.file a').first().innerText()).toBe('Memory against limit');
    expect(await thread.locator('.file pre').innerText()).toContain('<b>not bold</b>');
    expect(await thread.locator('article').last().innerText()).toContain(
      '<script>window.hacked=1</script> <img src=x onerror="window.hacked=2"> bold & "quotes"',
    );
    expect(await page.evaluate('window.hacked === undefined')).toBe(true);
    expect(await page.locator('#messages .date').getAttribute('title')).toContain('12:00 UTC');
    await page.evaluate('document.getElementById("thread-messages").scrollTop = 620');
    await picture('desktop-2');
  });

  test('sends a command, and shows its answer only to the asker', async () => {
    const box = page.getByRole('textbox', { name: 'Message' });
    await box.fill('/e');
    await page.getByRole('option', { name: /^\/etcd/ }).waitFor();
    await picture('hints');
    await box.fill('/etcd help');
    await box.press('Enter');
    const answer = page.locator('#messages .ephemeral');
    await answer.getByText('Usage: /etcd health').waitFor();
    expect(await answer.innerText()).toContain('Only visible to you');
    await page.locator('[data-person="U2"]').click();
    await page.locator('[data-person="U2"][aria-current="true"]').waitFor();
    expect(await answer.count()).toBe(0);
    await page.locator('[data-person="U1"]').click();
    await answer.getByRole('button', { name: 'Dismiss' }).click();
    await answer.waitFor({ state: 'detached' });
  });

  test('shows operation_timeout where the bot did not answer, and that threads know no commands', async () => {
    const box = page.getByRole('textbox', { name: 'Message' });
    await box.fill('/etcd silence');
    await box.press('Enter');
    await page.locator('#messages').getByText('/etcd failed with the error "operation_timeout"').waitFor();
    await picture('timeout');
    const reply = page.getByRole('textbox', { name: 'Reply' });
    await reply.fill('/etcd health');
    await reply.press('Enter');
    const complaint = page.locator('#thread-composer').getByText('/etcd is not supported in threads. Sorry!');
    await complaint.waitFor();
    await page.locator('[data-person="U2"]').click();
    await page.locator('[data-person="U2"][aria-current="true"]').waitFor();
    expect(await reply.inputValue()).toBe('');
    expect(await complaint.count()).toBe(0);
    await page.locator('[data-person="U1"]').click();
    await page.locator('[data-person="U1"][aria-current="true"]').waitFor();
    expect(await reply.inputValue()).toBe('/etcd health');
    await reply.fill('');
    await page.locator('#thread-messages').getByRole('button', { name: 'Details' }).click();
    await page.locator('#thread-messages').getByText('⚠ operation_timeout').waitFor();
  });

  test('opens a modal from a button, shows its errors, and submits it', async () => {
    await page.locator('#thread-messages').getByRole('button', { name: 'Run again' }).click();
    const modal = page.getByRole('dialog', { name: 'Run it again?' });
    await modal.getByRole('button', { name: 'Run', exact: true }).click();
    await modal.getByText('Please complete this required field.').waitFor();
    await modal.getByRole('textbox', { name: 'Reason' }).fill('why');
    await modal.getByRole('button', { name: 'Run', exact: true }).click();
    await modal.getByText('A few words more, please.').waitFor();
    expect(await modal.getByRole('textbox', { name: 'Reason' }).inputValue()).toBe('why');
    await modal
      .locator('input[type=file]')
      .setInputFiles({ name: 'gc.txt', mimeType: 'text/plain', buffer: Buffer.from('x') });
    await modal.getByText('1 file attached').waitFor();
    await picture('modal');
    await modal.getByRole('combobox', { name: 'Cluster' }).selectOption('staging');
    await modal.getByRole('textbox', { name: 'Reason' }).fill('the disk was swapped');
    await modal.getByRole('button', { name: 'Run', exact: true }).click();
    await page.locator('#messages').getByText('runs it again on staging: the disk was swapped').waitFor();
    expect(await modal.count()).toBe(0);
  });

  test('shows a modal only in the tab where it was opened, and closes it with the tab', async () => {
    const modal = { name: 'Run it again?' };
    await page.locator('#thread-messages').getByRole('button', { name: 'Run again' }).click();
    await page.getByRole('dialog', modal).waitFor();
    const other = await browser.newPage();
    await other.goto(slack.pageUrl);
    await other.getByRole('heading', { name: '#ops' }).waitFor();
    expect(await other.getByRole('dialog').count()).toBe(0);
    await other.close();
    expect(slack.views('U1')).toHaveLength(1);
    await page.reload();
    await page.getByRole('heading', { name: '#ops' }).waitFor();
    expect(await page.getByRole('dialog').count()).toBe(0);
    await slack.waitFor(() => slack.views('U1').length === 0, { what: 'the modal of the lost page to be closed' });
  });

  test('stays at the end of a channel, and shows what one has said and the thread that answers', async () => {
    for (let count = 1; count <= 30; count += 1) slack.say('U2', 'C1', `still looking, ${count}`);
    await page.reload();
    await holds(isSeen('messages', 'still looking, 30'));
    expect(await page.evaluate(fromEnd('messages'))).toBeLessThan(2);
    await page.setViewportSize({ width: 1280, height: 600 });
    await holds(`${fromEnd('messages')} < 2`);
    await page.setViewportSize({ width: 1280, height: 800 });

    const box = page.getByRole('textbox', { name: 'Message' });
    await page.evaluate('document.getElementById("messages").scrollTop = 0');
    slack.say('U2', 'C1', 'nobody is pulled down by this');
    await page.getByRole('button', { name: 'New messages' }).waitFor();
    expect(await page.evaluate('document.getElementById("messages").scrollTop')).toBe(0);
    await box.fill('I see it too');
    await box.press('Enter');
    await holds(isSeen('messages', 'I see it too'));
    await page.evaluate('document.getElementById("messages").scrollTop = 0');
    await box.fill('/etcd members');
    await box.press('Enter');
    await holds(isSeen('messages', 'prod: 3 voters, asked by @ann'));
    await page.locator('#thread-messages').getByText('etcd-1, etcd-2 and etcd-3').waitFor();
  });

  test('shows a reply in a long thread', async () => {
    await page.locator('#messages .replies').filter({ hasText: '5 replies' }).click();
    await holds(isSeen('thread-messages', 'prod: 2 of 3 healthy'));
    expect(await page.evaluate(fromEnd('thread-messages'))).toBeGreaterThan(100);
    const reply = page.getByRole('textbox', { name: 'Reply' });
    await reply.fill('swapping the disk now');
    await reply.press('Enter');
    await holds(isSeen('thread-messages', 'swapping the disk now'));
  });

  test('opens the direct message with the bot at the first click, and sends there what is typed next', async () => {
    await page.locator('#nav').getByRole('button', { name: 'Quorum' }).click();
    const box = page.getByRole('textbox', { name: 'Message' });
    await box.fill('only for the bot');
    await box.press('Enter');
    await page.locator('#messages').getByText('only for the bot').waitFor();
    expect(await page.locator('#place').innerText()).toBe('Quorum');
    expect(slack.directMessages('U1').map(({ text }) => text)).toEqual(['only for the bot']);
    expect(slack.channel('C1').map(({ text }) => text)).not.toContain('only for the bot');
    await page.locator('#nav').getByRole('button', { name: 'ops' }).click();
    await page.locator('#messages .replies').filter({ hasText: '6 replies' }).click();
  });

  test('asks before a dangerous button', async () => {
    await page.locator('#thread-messages').getByRole('button', { name: 'Remove etcd-3' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Two voters remain: no further loss is survived.').waitFor();
    await picture('confirm');
    await dialog.getByRole('button', { name: 'Keep it' }).click();
    await dialog.waitFor({ state: 'detached' });
  });

  test('has the machines that were handed in, with buttons that do something or offer a command', async () => {
    const pressed: string[] = [];
    let text = 'not started';
    slack.addMachine({
      name: 'pump',
      about: 'cellar',
      acts: [
        { id: 'ask', title: 'Ask to start it …', hint: 'Puts a command into the box', puts: '/pump start' },
        {
          id: 'start',
          title: 'Start',
          hint: 'Starts it',
          run: async () => {
            pressed.push('start');
            text = 'runs';
          },
        },
        { id: 'burst', title: 'Burst', hint: 'Cannot end well', run: () => Promise.reject(new Error('no water')) },
      ],
      state: () => ({
        mood: text === 'runs' ? 'on' : 'off',
        text,
        ...(text === 'leaks' ? { says: '<b>drip</b>' } : {}),
      }),
    });
    const machine = page.getByRole('group', { name: 'pump' });
    await machine.getByText('not started').waitFor();
    await machine.getByRole('button', { name: 'Ask to start it …' }).click();
    expect(await page.getByRole('textbox', { name: 'Message' }).inputValue()).toBe('/pump start');
    await page.getByRole('textbox', { name: 'Message' }).fill('');
    await machine.getByRole('button', { name: 'Start', exact: true }).click();
    await machine.getByText('runs').waitFor();
    expect(pressed).toEqual(['start']);
    await machine.getByRole('button', { name: 'Burst' }).click();
    await machine.getByText('no water').waitFor();
    text = 'leaks';
    await machine.getByText('<b>drip</b>').waitFor();
    await picture('machines');
  });

  test('works in the dark and at the width of a phone', async () => {
    await page.emulateMedia({ colorScheme: 'dark' });
    await picture('dark');
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(22, 25, 29)');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 390, height: 844 });
    await picture('phone-thread');
    await page.getByRole('button', { name: 'Back to the channel' }).click();
    await picture('phone');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    await page.getByRole('button', { name: 'Channels and people' }).click();
    await picture('phone-side');
    await page.locator('#nav').getByRole('button', { name: 'random' }).click();
    await page.getByRole('heading', { name: '#random' }).waitFor();
    await page.getByText('Nothing has been said here yet.').waitFor();
    expect(errors).toEqual([]);
  });
});
