import type { Severity } from '../report/report.ts';
import { count } from '../report/text.ts';
import { ageOf, type CertificateFacts, day, daysLeft } from './certificates.ts';

/** How long before its end any certificate is warned of. */
export const warnDays = 30;
/** How long before its end it comes before everything else: the time that a change of certificates may take over a weekend. */
const criticalDays = 7;

/** How bad the end of a certificate is: the one rule, for every report. null where it is far away. */
export function severityOfEnd(certificate: CertificateFacts, now: Date): Exclude<Severity, 'info'> | null {
  if (ageOf(certificate, now) !== 'valid') return 'critical';
  const left = daysLeft(certificate, now);
  if (left < criticalDays) return 'critical';
  return left < warnDays ? 'warning' : null;
}

/** `ends in 12 days, on 2026-12-11`, `expired on 2026-11-20`: what stands behind the certificate's name. */
export function endWords(certificate: CertificateFacts, now: Date): string {
  const age = ageOf(certificate, now);
  if (age === 'expired') return `expired on ${day(certificate.validTo)}`;
  if (age === 'not-yet-valid') return `is valid only from ${day(certificate.validFrom)}`;
  return `ends in ${count(daysLeft(certificate, now), 'day')}, on ${day(certificate.validTo)}`;
}
