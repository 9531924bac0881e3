import { z } from 'zod';
import type { JvmHint } from './hint.ts';
import { parseJdkVersion } from './version.ts';

const vendors = { hotspot: 'hotspot', openj9: 'openj9', native: 'graalvm-native' } as const;

/** `jvm` in quorum.yaml: what images hold whose reference does not tell it. */
export const jvmConfig = z.strictObject({
  images: z
    .array(
      z.strictObject({
        match: z
          .string('write the name of an image, such as registry.example/shop/*')
          .regex(
            /^[A-Za-z0-9*][A-Za-z0-9._:/@*-]*$/,
            'write the name of an image, such as registry.example/shop/*; only * stands for other characters',
          )
          .describe('Images as the pod names them, the first match counts; `*` stands for any characters'),
        jdk: z
          // YAML reads 17 as a number.
          .preprocess(
            (value) => (typeof value === 'number' ? String(value) : value),
            z
              .string()
              .refine(
                (text) => parseJdkVersion(text) !== undefined,
                'write a JDK version such as 8u412, 17 or 17.0.9, as java -version tells it',
              ),
          )
          .describe('Their JDK, where no log tells it: `17.0.9`'),
        vendor: z
          .enum(['hotspot', 'openj9', 'native'], 'write hotspot, openj9 or native')
          .optional()
          .describe('`hotspot`, `openj9` (Semeru, IBM Java) or `native` (GraalVM); hotspot where nothing else says'),
      }),
    )
    .default([]),
});

/** The hints of a config, in its order. */
export function hintsOf({ images }: z.infer<typeof jvmConfig>): JvmHint[] {
  return images.flatMap(({ match, jdk, vendor }) => {
    const version = parseJdkVersion(jdk);
    if (version === undefined) return [];
    return [{ match, jdk: vendor === undefined ? version : { ...version, vendor: vendors[vendor] } }];
  });
}
