import type { Workspace } from './workspace.ts';

/** What stands in angle brackets already and names something known is left as it is. */
const entity = /<(?:@[UW][A-Z0-9]+|#C[A-Z0-9]+|!(?:here|channel|everyone)|!subteam\^S[A-Z0-9]+)(?:\|[^<>]*)?>/g;
const address = /https?:\/\/[^\s<>|]+/g;
/** A bare name that Slack takes for an address: `grafana.example.com` arrives as `<http://grafana.example.com|grafana.example.com>`. */
const bareAddress = /(^|[\s(])((?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|app|cloud)(?:\/[^\s<>|]*)?)(?=$|[\s),])/gi;

/**
 * What Slack makes of a text that somebody typed: `&`, `<` and `>` are escaped, `@ann` becomes a mention, addresses become links.
 * Slash commands (with `should_escape`) carry the name beside the id: `<@U1|ann>`, `<#C1|ops>`.
 */
export function asTyped(workspace: Workspace, text: string, labels: 'with_names' | 'without_names'): string {
  const kept: string[] = [];
  const keep = (markup: string): string => {
    kept.push(markup);
    return `\u0000${kept.length - 1}\u0000`;
  };
  const person = (id: string, name: string): string => keep(labels === 'with_names' ? `<@${id}|${name}>` : `<@${id}>`);
  const marked = text
    .replaceAll('\u0000', '')
    .replace(entity, (found) => keep(found))
    .replace(address, (found) => keep(`<${found.replaceAll('&', '&amp;')}>`))
    .replace(bareAddress, (_, before: string, found: string) => before + keep(`<http://${found}|${found}>`))
    .replace(/(^|[\s(])@([a-z0-9._-]+)/gi, (whole, before: string, name: string) => {
      const found = [...workspace.people.values()].find((each) => each.name.toLowerCase() === name.toLowerCase());
      if (found) return before + person(found.id, found.name);
      const group = [...workspace.groups.values()].find((each) => each.handle === name);
      if (group) return before + keep(`<!subteam^${group.id}|@${group.handle}>`);
      return ['here', 'channel', 'everyone'].includes(name) ? before + keep(`<!${name}>`) : whole;
    })
    .replace(/(^|[\s(])#([a-z0-9_-]+)/gi, (whole, before: string, name: string) => {
      const found = [...workspace.channels.values()].find((each) => each.name === name && each.directWith === null);
      return found ? before + keep(`<#${found.id}|${found.name}>`) : whole;
    });
  const escaped = marked.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the mark is chosen because nobody can type it.
  return escaped.replace(/\u0000(\d+)\u0000/g, (_, index: string) => kept[Number(index)] ?? '');
}
