import { createPrivateKey, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { type Authority, issue, makeAuthority } from './certificates.ts';

let authority: Authority;
beforeAll(async () => {
  authority = await makeAuthority('test authority');
});

describe('A certificate made for a test', () => {
  test('is signed by its authority and no other, fits its key, and names its addresses and usages', async () => {
    const { certPem, keyPem } = await issue(authority, {
      commonName: 'etcd-1',
      addresses: ['127.0.0.1', '::1', 'localhost', 'etcd-1.example'],
      usages: ['server', 'client'],
    });
    const certificate = new X509Certificate(certPem);
    expect(certificate.verify(new X509Certificate(authority.certPem).publicKey)).toBe(true);
    const other = await makeAuthority('test authority');
    expect(certificate.verify(new X509Certificate(other.certPem).publicKey)).toBe(false);
    expect(certificate.checkPrivateKey(createPrivateKey(keyPem))).toBe(true);
    expect(certificate.subjectAltName).toBe(
      'IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:localhost, DNS:etcd-1.example',
    );
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('10.0.0.9')).toBeUndefined();
    expect(certificate.ca).toBe(false);
  });

  test('can be expired, and can be without addresses', async () => {
    const { certPem } = await issue(authority, {
      commonName: 'quorum',
      addresses: [],
      usages: ['client'],
      notBefore: new Date('2020-01-01T00:00:00Z'),
      notAfter: new Date('2020-06-01T00:00:00Z'),
    });
    const certificate = new X509Certificate(certPem);
    expect(certificate.validTo).toBe('Jun  1 00:00:00 2020 GMT');
    expect(certificate.subjectAltName).toBeUndefined();
  });
});
