import { expect } from '@jest/globals';
import type { V1Pod } from '@kubernetes/client-node';
import { type ApiCase, absent, fullName } from './api-subject.ts';

/** Lists, their pages and their selectors. */
export const listCases: readonly ApiCase[] = [
  {
    title: 'lists pods page by page, in the order of the whole list, and counts those that remain',
    applies: ({ pods }) => pods.length > 3,
    async run({ core, pods }) {
      const limit = Math.ceil(pods.length / 3);
      const first = await core.listPodForAllNamespaces({ limit });
      expect(first.items).toHaveLength(limit);
      expect(first.metadata?.remainingItemCount).toBe(pods.length - limit);
      const names = first.items.map(fullName);
      for (let next = first.metadata?._continue; next; ) {
        const page = await core.listPodForAllNamespaces({ limit, _continue: next });
        expect(page.metadata?.resourceVersion).toBe(first.metadata?.resourceVersion);
        names.push(...page.items.map(fullName));
        next = page.metadata?._continue;
      }
      expect(names).toEqual(pods.map(fullName));
    },
  },
  {
    title: 'fills pages with what a selector matches, and does not count the rest',
    applies: ({ pods }) => labelled(pods) !== undefined,
    async run({ core, pods }) {
      const labelSelector = labelled(pods)?.key ?? '';
      const wanted = pods.filter(({ metadata }) => labelSelector in (metadata?.labels ?? {}));
      const page = await core.listPodForAllNamespaces({ limit: wanted.length - 1, labelSelector });
      expect(page.items.map(fullName)).toEqual(wanted.slice(0, -1).map(fullName));
      expect(page.metadata?.remainingItemCount).toBeUndefined();
      expect(page.metadata?._continue).not.toBeUndefined();
    },
  },
  {
    title: 'finds a pod anywhere by its name, and narrows by phase and node',
    applies: ({ pods }) => pods.some(({ spec }) => spec?.nodeName),
    async run({ core, quorum, pods }) {
      const [pod] = pods.filter(({ spec }) => spec?.nodeName);
      const name = pod?.metadata?.name ?? '';
      const same = pods.filter(({ metadata }) => metadata?.name === name).map(fullName);
      const { pods: found } = await quorum.listPods({ fieldSelector: `metadata.name=${name}`, limit: 10 });
      expect(found.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)).toEqual(same);
      const nodeName = pod?.spec?.nodeName ?? '';
      const phase = pod?.status?.phase ?? '';
      const listed = await core.listPodForAllNamespaces({
        fieldSelector: `spec.nodeName=${nodeName},status.phase=${phase},metadata.name!=${name}`,
      });
      const expected = pods.filter(
        ({ spec, status, metadata }) =>
          spec?.nodeName === nodeName && status?.phase === phase && metadata?.name !== name,
      );
      expect(listed.items.map(fullName)).toEqual(expected.map(fullName));
    },
  },
  {
    title: 'takes equality and set-based label selectors; what lacks the label is not unequal to any value',
    applies: ({ pods }) => labelled(pods) !== undefined,
    async run({ core, pods }) {
      const { key = '', value = '' } = labelled(pods) ?? {};
      const selectors: Record<string, (label: string | undefined) => boolean> = {
        [`${key}=${value}`]: (label) => label === value,
        [`${key}==${value}`]: (label) => label === value,
        [`${key}!=${value}`]: (label) => label !== value,
        [`${key} in (${value}, other)`]: (label) => label === value,
        [`${key} notin (${value})`]: (label) => label !== value,
        [key]: (label) => label !== undefined,
        [`!${key}`]: (label) => label === undefined,
        [`${key},${key}!=${value}`]: (label) => label !== undefined && label !== value,
      };
      for (const [labelSelector, matches] of Object.entries(selectors)) {
        const { items } = await core.listPodForAllNamespaces({ labelSelector });
        const expected = pods.filter(({ metadata }) => matches(metadata?.labels?.[key]));
        expect({ labelSelector, found: items.map(fullName) }).toEqual({
          labelSelector,
          found: expected.map(fullName),
        });
      }
    },
  },
  {
    title: 'lists nothing in a namespace that is not there',
    async run({ core, quorum }) {
      expect((await core.listNamespacedPod({ namespace: absent })).items).toEqual([]);
      expect(await quorum.listPods({ namespace: absent, limit: 10 })).toEqual({ pods: [], continue: undefined });
    },
  },
];

/** A label that more than one pod has, and one of its values. */
function labelled(pods: readonly V1Pod[]): { key: string; value: string } | undefined {
  for (const { metadata } of pods) {
    for (const [key, value] of Object.entries(metadata?.labels ?? {})) {
      if (pods.filter((pod) => key in (pod.metadata?.labels ?? {})).length > 1) return { key, value };
    }
  }
  return undefined;
}
