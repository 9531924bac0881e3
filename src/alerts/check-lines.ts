import type { CheckLine } from '../check.ts';
import type { Config } from '../config.ts';
import { defaultRoute } from '../incident/routing.ts';
import { count, listed } from '../report/text.ts';

/** A shorter one can be guessed. */
const shortestToken = 16;

/** What `quorum check` says about the door for alerts. */
export function alertsLines({ alerts, http, watch }: Config): CheckLine[] {
  if (alerts === undefined) return [];
  const subject = 'alerts';
  const ways = [
    ...(alerts.token === undefined ? [] : ['the token']),
    ...(http.tls?.clientCa === undefined ? [] : ['a client certificate']),
  ];
  const own = Object.keys(alerts.rules).length;
  const isLoopback = /^(?:127\.|localhost$|::1$)/.test(http.host);
  const warning = (seen: string, mend: string): CheckLine => ({ status: 'warning', subject, seen, mend });
  return [
    {
      status: 'ok',
      subject,
      seen: `POST ${http.tls === undefined ? 'http' : 'https'}://${http.host}:${http.port}/alerts, with ${listed(ways, 'or')}; ${
        own === 0 ? 'the usual rules' : `the usual rules and ${count(own, 'own one')}`
      }; what no rule of watch fits goes to ${defaultRoute(watch)?.channelId ?? 'nobody'}`,
      mend: '',
    },
    ...(alerts.token !== undefined && alerts.token.length < shortestToken
      ? [warning(`alerts.token has ${count(alerts.token.length, 'character')}`, 'make one with `openssl rand -hex 32`')]
      : []),
    ...(isLoopback
      ? [
          warning(
            `only this machine reaches ${http.host}`,
            'set http.host to 0.0.0.0 where Alertmanager runs elsewhere',
          ),
        ]
      : []),
    ...(http.tls === undefined && !isLoopback
      ? [
          warning(
            'the token and the alerts travel unencrypted',
            'set http.tls, or put something in front that does TLS',
          ),
        ]
      : []),
  ];
}
