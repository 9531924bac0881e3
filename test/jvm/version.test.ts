import { describe, expect, test } from '@jest/globals';
import {
  formatJdkVersion,
  isAtLeast,
  jdkFromImage,
  jdkFromLog,
  parseJdkVersion,
  vendorFromLog,
} from '../../src/jvm/version.ts';

describe('the bot reads a version in every form that JVMs, images and people write', () => {
  test.each<[string, number, number | null, number | null]>([
    ['8u181', 8, 181, null],
    ['8u181-b13', 8, 181, null],
    ['jdk8u412-b08', 8, 412, null],
    ['1.8.0_181', 8, 181, null],
    ['1.8.0_181-b13', 8, 181, null],
    ['1.8.0', 8, 0, null],
    ['1.8', 8, null, null],
    ['8', 8, null, null],
    ['8u', 8, null, null],
    ['8.412.08.1', 8, 412, null],
    ['8.0.412', 8, 412, null],
    ['25.181-b13', 8, 181, null],
    ['24.80-b11', 7, 80, null],
    ['1.7.0_80', 7, 80, null],
    ['9.0.4', 9, 4, null],
    ['11', 11, null, null],
    ['11.0.16+8-LTS', 11, 16, null],
    ['11.0.16+8-post-Debian-1deb11u1', 11, 16, null],
    ['11.0.32.1', 11, 32, 1],
    ['17', 17, null, null],
    ['17-ea', 17, null, null],
    ['17+35', 17, 0, null],
    ['17.0', 17, null, null],
    ['17.0.1_12', 17, 1, null],
    ['17.0.12', 17, 12, null],
    ['17.0.15+6-Debian-1deb12u1', 17, 15, null],
    ['jdk-17.0.17+10', 17, 17, null],
    ['jdk8u412-b08', 8, 412, null],
    ['8u412-b08-jre', 8, 412, null],
    ['21.0.9+11-LTS', 21, 9, null],
    ['25.0.1.9.1', 25, 1, null],
    ['21.0.12.1+1-Debian-1deb13u1', 21, 12, 1],
    ['"17.0.9"', 17, 9, null],
    ['openjdk version "17.0.9"', 17, 9, null],
    ['21.0.12.1', 21, 12, 1],
    ['21.0.9.11.1', 21, 9, null],
    ['25', 25, null, null],
    ['25.0.3', 25, 3, null],
    ['27.0.1.0.3', 27, 1, null],
    ['JDK 21', 21, null, null],
  ])('%s', (text, major, update, patch) => {
    expect(parseJdkVersion(text)).toMatchObject({ major, update, patch });
  });

  test.each([
    '',
    'banana',
    'latest',
    '17 bananas',
    '17.x',
    '0',
    '-17',
    '17.0.12\nrm',
    '2024',
    '1.2.3.4',
    '1.0',
    '8u12345',
    'u181',
    'jdk',
    'x'.repeat(200),
  ])('"%s" is no version', (text) => {
    expect(parseJdkVersion(text)).toBeUndefined();
  });

  test('OpenJ9 and native images are told apart', () => {
    expect(parseJdkVersion('openj9-17.0.8')?.vendor).toBe('openj9');
    expect(parseJdkVersion('graalvm-native-21')?.vendor).toBe('graalvm-native');
    expect(parseJdkVersion('17.0.8')?.vendor).toBeUndefined();
  });
});

test.each([
  ['1.8.0_181-b13', '8u181'],
  ['8', '8'],
  ['17.0.15+6', '17.0.15'],
  ['11.0.32.1', '11.0.32.1'],
])('%s is called JDK %s', (text, name) => {
  const version = parseJdkVersion(text);
  expect(version && formatJdkVersion(version)).toBe(name);
});

test('a major alone decides only between majors', () => {
  const known = { major: 11, update: null, patch: null, text: '11' };
  expect([isAtLeast(known, 8, 372), isAtLeast(known, 11), isAtLeast(known, 11, 16), isAtLeast(known, 17)]).toEqual([
    true,
    true,
    null,
    false,
  ]);
});

describe('the bot reads the version from the image, where the image tells it', () => {
  test.each<[string, number, number | null]>([
    ['openjdk:8u181-jre', 8, 181],
    ['docker.io/library/openjdk:8-jdk-alpine', 8, null],
    ['eclipse-temurin:17-jre-alpine', 17, null],
    ['eclipse-temurin:17.0.1_12-jdk-centos7', 17, 1],
    ['eclipse-temurin:8u412-b08-jre', 8, 412],
    ['eclipse-temurin:17.0.9@sha256:0123456789abcdef', 17, 9],
    ['registry.example.com:5000/base/eclipse-temurin:21', 21, null],
    ['amazoncorretto:11', 11, null],
    ['public.ecr.aws/amazoncorretto/amazoncorretto:21.0.7-al2023-headless', 21, 7],
    ['amazoncorretto:8u412', 8, 412],
    ['azul/zulu-openjdk:17.0.9-17.46.19-jre', 17, 9],
    ['azul/zulu-openjdk-alpine:8u412-8.78', 8, 412],
    ['bellsoft/liberica-openjre-alpine:17.0.9-11', 17, 9],
    ['bellsoft/liberica-runtime-container:jre-17-slim-musl', 17, null],
    ['gcr.io/distroless/java17-debian12', 17, null],
    ['gcr.io/distroless/java17-debian12:nonroot', 17, null],
    ['gcr.io/distroless/java:11', 11, null],
    ['cgr.dev/chainguard/jre:openjdk-17', 17, null],
    ['registry.access.redhat.com/ubi9/openjdk-17-runtime:1.20', 17, null],
    ['registry.access.redhat.com/ubi8/openjdk-8:1.18', 8, null],
    ['registry.access.redhat.com/redhat-openjdk-18/openjdk18-openshift:1.8', 8, null],
    ['adoptopenjdk/openjdk11:jdk-11.0.11_9-alpine', 11, 11],
    ['mcr.microsoft.com/openjdk/jdk:17-ubuntu', 17, null],
    ['tomcat:9.0-jdk17-temurin', 17, null],
    ['maven:3.9.6-eclipse-temurin-21', 21, null],
    ['jenkins/jenkins:2.440-jdk17', 17, null],
    ['docker.io/library/openjdk:8-jdk-alpine@sha256:0123456789abcdef', 8, null],
    ['amazoncorretto:21.0.9.11.1-al2023', 21, 9],
    ['azul/zulu-openjdk:17.0.9-17.46.19-jre-headless', 17, 9],
    ['azul/zulu-openjre:21-latest', 21, null],
    ['bellsoft/liberica-openjdk-debian:8u412', 8, 412],
    ['bellsoft/liberica-openjre-alpine-musl:21.0.3-10', 21, 3],
    ['cgr.dev/chainguard/jdk:openjdk-21-dev', 21, null],
    ['registry.access.redhat.com/ubi9/openjdk-21:1.20-2', 21, null],
    ['registry.access.redhat.com/ubi8/openjdk-17-runtime', 17, null],
    ['gcr.io/distroless/java21-debian12:debug', 21, null],
  ])('%s', (image, major, update) => {
    expect(jdkFromImage(image)).toMatchObject({ major, update });
  });

  test('Semeru is OpenJ9', () => {
    expect(jdkFromImage('ibm-semeru-runtimes:open-17.0.8.1_1-jre')).toMatchObject({
      major: 17,
      update: 8,
      patch: 1,
      vendor: 'openj9',
    });
    expect(jdkFromImage('icr.io/appcafe/ibm-semeru-runtimes:open-21-jre-ubi9-minimal')).toMatchObject({
      major: 21,
      update: null,
      vendor: 'openj9',
    });
    expect(jdkFromImage('adoptopenjdk/openjdk11-openj9:alpine')).toMatchObject({ major: 11, vendor: 'openj9' });
  });

  test.each([
    'shop/checkout:17',
    'registry:5000/app',
    'eclipse-temurin:latest',
    'openjdk',
    'cgr.dev/chainguard/jre:latest',
    'nginx:1.25',
    'javascript:17',
    '',
    ':::@',
    'sha256:abc',
  ])('%s does not tell', (image) => {
    expect(jdkFromImage(image)).toBeUndefined();
  });
});

describe('the bot reads the version from a log', () => {
  test.each<[string, number, number | null]>([
    ['OpenJDK 64-Bit Server VM (25.504-b08) for linux-amd64 JRE (1.8.0_504-b08), built on Jul 15 2026', 8, 504],
    ['[0.009s][info   ][gc,init] Version: 17.0.15+6-Debian-1deb12u1 (release)', 17, 15],
    ['[2026-01-01T00:00:00.000+0000][gc,init] Version: 21.0.12.1 (release)', 21, 12],
    ['# JRE version: OpenJDK Runtime Environment (17.0.15+6) (build 17.0.15+6-Debian-1deb12u1)', 17, 15],
    ['# JRE version: OpenJDK Runtime Environment (8.0_181-b13) (build 1.8.0_181-b13)', 8, 181],
    ['openjdk version "17.0.15" 2025-04-15', 17, 15],
    ['java version "1.8.0_181"', 8, 181],
    ['Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6-Debian-1deb12u1 mixed mode, sharing):', 17, 15],
    ['Full thread dump OpenJDK 64-Bit Server VM (25.181-b13 mixed mode):', 8, 181],
    [
      '2026-01-01T00:00:00.000Z  INFO 1 --- [main] app.Main : Starting Main v1.2 using Java 17.0.9 with PID 1 (/app.jar started by root in /)',
      17,
      9,
    ],
    ['Starting Main using Java 1.8.0_181 on host with PID 1', 8, 181],
    [
      'Java HotSpot(TM) 64-Bit Server VM (25.181-b13) for linux-amd64 JRE (1.8.0_181-b13), built on Jul  7 2018',
      8,
      181,
    ],
    ['[0.004s][info][gc,init] Version: 21.0.9+11-LTS (release)', 21, 9],
    ['[2026-06-05T09:17:00.021+0000][info][gc,init] Version: 25.0.1+8-LTS (release)', 25, 1],
    ['# JRE version: OpenJDK Runtime Environment Temurin-17.0.9+9 (17.0.9+9) (build 17.0.9+9)', 17, 9],
    ['# JRE version: Java(TM) SE Runtime Environment (11.0.21+9) (build 11.0.21+9-LTS-193)', 11, 21],
    ['OpenJDK Runtime Environment Corretto-21.0.9.11.1 (build 21.0.9+11-LTS)', 21, 9],
    ['Full thread dump OpenJDK 64-Bit Server VM (21.0.12.1+1-Debian-1deb13u1 mixed mode, sharing):', 21, 12],
    ['Full thread dump Java HotSpot(TM) 64-Bit Server VM (25.181-b13 mixed mode):', 8, 181],
  ])('%s', (line, major, update) => {
    expect(jdkFromLog(`something else\n${line}\nmore`)).toMatchObject({ version: { major, update }, line });
  });

  test.each<[string, string | undefined]>([
    ['Eclipse OpenJ9 VM (build openj9-0.40.0, JRE 17 Linux amd64-64-Bit)', 'openj9'],
    ['JVMDUMP039I Processing dump event "systhrow", detail "java/lang/OutOfMemoryError"', 'openj9'],
    ['JVMJ9VM007E Command-line option unrecognised: -Xfoo', 'openj9'],
    ['INFO [io.quarkus] (main) orders 1.4.0 native (powered by Quarkus 3.15.1) started in 0.021s.', 'graalvm-native'],
    ['INFO [io.quarkus] (main) orders 1.4.0 on JVM (powered by Quarkus 3.15.1) started in 1.2s.', 'hotspot'],
    [
      'Starting AOT-processed Main using Java 21.0.1 with PID 1 (/workspace/com.example.Main started by cnb)',
      'graalvm-native',
    ],
    ['Starting AOT-processed Main using Java 21.0.1 with PID 1 (/app/app.jar started by root in /app)', undefined],
    ['OpenJDK 64-Bit Server VM (25.504-b08) for linux-amd64 JRE (1.8.0_504-b08)', 'hotspot'],
    ['Starting Main using Java 17.0.9 with PID 1 (/app.jar started by root in /)', undefined],
    ['we went native (finally)', undefined],
  ])('the kind of VM: %s', (line, vendor) => {
    expect(vendorFromLog(`first\n${line}\n`)).toBe(vendor);
  });

  test('a log that does not tell gives nothing', () => {
    expect(jdkFromLog('')).toBeUndefined();
    expect(jdkFromLog(`Listening on 8080\nusing Javascript 17\n${'x'.repeat(100_000)}`)).toBeUndefined();
  });
});
