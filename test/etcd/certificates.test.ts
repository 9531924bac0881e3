import { describe, expect, test } from '@jest/globals';
import {
  ageOf,
  daysLeft,
  namesCover,
  readCertificates,
  shortAddress,
  subjectNames,
} from '../../src/etcd/certificates.ts';
import { canonicalEndpoint } from '../../src/etcd/endpoint.ts';
import { serverCertificate } from '../support/etcd-seen.ts';

describe('the names of a certificate', () => {
  test('are read from what Node shows', () => {
    expect(subjectNames('DNS:etcd-1.example, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1')).toEqual([
      'etcd-1.example',
      '10.0.0.1',
      '::1',
    ]);
    expect(subjectNames(undefined)).toEqual([]);
  });

  test.each([
    [['10.0.0.1'], '10.0.0.1', true],
    [['10.0.0.1'], '10.0.0.11', false],
    [['2001:db8::1'], '[2001:db8:0:0::1]', true],
    [['etcd-1.example.com'], 'ETCD-1.example.com', true],
    [['*.example.com'], 'etcd-1.example.com', true],
    [['*.example.com'], 'a.etcd-1.example.com', false],
    [['*.com'], 'example.com', false],
    [['*.0.0.1'], '10.0.0.1', false],
    [[], 'localhost', false],
  ])('%p cover %s: %p', (names, host, covers) => {
    expect(namesCover(names, host)).toBe(covers);
  });

  test('an address is compared in its short form', () => {
    expect(shortAddress('[2001:DB8:0:0:0:0:0:1]')).toBe('2001:db8::1');
    expect(shortAddress('10.0.0.1')).toBe('10.0.0.1');
  });
});

describe('the time of a certificate', () => {
  test.each([
    ['2019-12-31T23:59:59Z', 'not-yet-valid'],
    ['2026-01-01T00:00:00Z', 'valid'],
    ['2027-01-01T00:00:01Z', 'expired'],
  ])('at %s it is %s', (now, age) => {
    expect(ageOf(serverCertificate, new Date(now))).toBe(age);
  });

  test('is counted in whole days', () => {
    expect(daysLeft(serverCertificate, new Date('2026-12-30T12:00:00Z'))).toBe(1);
    expect(daysLeft(serverCertificate, new Date('2027-01-02T12:00:00Z'))).toBe(-2);
  });
});

describe('a PEM file without a certificate is refused by what it holds instead', () => {
  test.each([
    ['', 'The CA file /x/ca.crt holds no certificate (it is empty).'],
    [
      '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----',
      'The CA file /x/ca.crt holds no certificate (it holds a private key).',
    ],
    [
      '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----',
      'The CA file /x/ca.crt holds no certificate (it holds a signing request).',
    ],
    ['apiVersion: v1', 'The CA file /x/ca.crt holds no certificate (it is not PEM).'],
    [
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
      'The CA file /x/ca.crt is broken: its certificate cannot be read.',
    ],
  ])('%j', (pem, message) => {
    expect(() => readCertificates(pem, '/x/ca.crt', 'The CA file')).toThrow(message);
  });
});

describe('what is pasted and compared', () => {
  test.each([
    ['https://10.0.0.1:2379/', 'https://10.0.0.1:2379'],
    ['HTTPS://ETCD-1.example:2379', 'https://etcd-1.example:2379'],
    ['https://[0:0:0:0:0:0:0:1]:2379', 'https://[::1]:2379'],
    ['http://etcd', 'http://etcd:80'],
    ['unix://x', 'unix://x'],
  ])('the endpoint %s is %s', (endpoint, canonical) => {
    expect(canonicalEndpoint(endpoint)).toBe(canonical);
  });
});
