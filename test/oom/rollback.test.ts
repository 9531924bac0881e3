import { afterEach, describe, expect, test } from '@jest/globals';
import { oomRollback } from '../../jobs/oom/rollback.ts';
import { checkIn, type FixRoom, openFixRoom, sectionIn } from '../support/fix-room.ts';
import { type KubernetesObject, listAt } from '../support/kubernetes/object.ts';
import { type WorkloadRecipe, workloadObjects } from '../support/kubernetes/workloads.ts';
import { driveChange } from '../support/step-driver.ts';
import { refusalOf } from '../support/why.ts';

let room: FixRoom | undefined;
afterEach(async () => {
  await room?.stop();
  room = undefined;
});

async function roomWith(recipe: WorkloadRecipe = {}, others: readonly KubernetesObject[] = []): Promise<FixRoom> {
  room = await openFixRoom([...workloadObjects(recipe), ...others]);
  return room;
}

const words = { Deployment: 'deploy', StatefulSet: 'sts', DaemonSet: 'ds' } as const;

describe('going back', () => {
  test('is to the revision before the present one, with the difference shown and no secret in it', async () => {
    const { rollback } = await roomWith();
    const proposal = await rollback();
    expect(proposal.plan).toMatchObject({ uid: 'uid-orders', toRevision: 1, name: 'orders' });
    expect(proposal.words).toMatch(/^take deploy\/orders in shop back to revision 1, made /);
    expect(sectionIn(proposal, 'Difference: revision 2 to revision 1')).toBe(
      [
        '- app env[DB_PASSWORD]: ***',
        '- app env[JAVA_TOOL_OPTIONS]: -XX:MaxRAMPercentage=95.0',
        '+ app env[JAVA_TOOL_OPTIONS]: -Xmx256m',
      ].join('\n'),
    );
    expect(sectionIn(proposal, 'The same by hand')).toBe('kubectl rollout undo deploy/orders -n shop --to-revision=1');
    expect(checkIn(proposal, 'The API server takes it (dry run)').status).toBe('ok');
  });

  test.each(['Deployment', 'StatefulSet', 'DaemonSet'] as const)(
    'a %s gets the whole template of that revision, and is followed',
    async (kind) => {
      const { rollback, context, api } = await roomWith({ kind, ready: 2 });
      const { plan } = await rollback(1, `${words[kind]}/orders`);
      const driven = driveChange(oomRollback, plan, context().clients);
      expect(await driven.run()).toEqual({ kind: 'done' });
      const [container] = listAt(api.get(kind, 'shop', 'orders'), 'spec', 'template', 'spec', 'containers');
      expect(listAt(container, 'env')).toEqual([{ name: 'JAVA_TOOL_OPTIONS', value: '-Xmx256m' }]);
      expect(driven.notes['New pods keep running']).toBe(`shop/${words[kind]}/orders is back at what revision 1 was.`);
    },
    30_000,
  );

  test('waits for an API server that is away as the revision is to be read', async () => {
    const { rollback, context, api } = await roomWith({ ready: 2 });
    const { plan } = await rollback();
    const driven = driveChange(oomRollback, plan, context().clients);
    api.fault({ resource: 'replicasets', verb: 'list', times: 1, status: 503 });
    expect(await driven.run({ aheadMs: 3000 })).toEqual({ kind: 'done' });
    expect(driven.log.slice(0, 2)).toEqual(['Template changed: waiting', 'Template changed: done']);
  }, 30_000);

  test('names the revisions that there are where the one that is meant is not among them', async () => {
    const { rollback } = await roomWith();
    const refusal = await refusalOf(rollback(7));
    expect([refusal.message, refusal.choices]).toEqual(['deploy/orders has no revision 7.', ['1', '2']]);
    expect((await refusalOf(rollback(2))).message).toBe(
      'Revision 2 of deploy/orders is what is there now: going back to it changes nothing.',
    );
  });

  test('leaves the revision that is blamed, and no other: pressed again it would lead back to it', async () => {
    const { rollback } = await roomWith();
    expect((await rollback(null, 'deploy/orders', 2)).plan.toRevision).toBe(1);
    const refusal = await refusalOf(rollback(null, 'deploy/orders', 1));
    expect([refusal.message, refusal.choices]).toEqual([
      'Revision 1 of deploy/orders is not in force any more: 2 is. The one before that may be the trouble itself.',
      ['1', '2'],
    ]);
  });

  test('is refused under a GitOps controller, as any change is', async () => {
    const { rollback } = await roomWith({ metadata: { labels: { 'kustomize.toolkit.fluxcd.io/name': 'shop' } } });
    const { checks } = await rollback();
    expect(checks.filter(({ status }) => status === 'blocking').map(({ seen }) => seen)).toEqual([
      'Flux (Kustomization shop) keeps deploy/orders as it is written elsewhere, and would take this back: label kustomize.toolkit.fluxcd.io/name: shop.',
    ]);
  });

  test('is not kept from going back by a VerticalPodAutoscaler: that writes into pods, not into the template', async () => {
    const vertical = {
      apiVersion: 'autoscaling.k8s.io/v1',
      kind: 'VerticalPodAutoscaler',
      metadata: { namespace: 'shop', name: 'orders' },
      spec: { targetRef: { kind: 'Deployment', name: 'orders' }, updatePolicy: { updateMode: 'Auto' } },
    };
    const { rollback } = await roomWith({}, [vertical]);
    expect(checkIn(await rollback(), 'No VerticalPodAutoscaler fights it')).toMatchObject({
      status: 'warning',
      seen: 'orders sets the memory of these pods itself (updateMode Auto): the limits and requests of that revision do not count.',
    });
  });

  test('may take the place of a rollout whose new pods die, and waits for a controller that has not seen the last change', async () => {
    const { rollback } = await roomWith({ status: { updatedReplicas: 1, replicas: 3 } });
    expect(checkIn(await rollback(), 'No rollout is under way')).toMatchObject({
      status: 'warning',
      seen: 'One is under way, and this takes its place: 1 of 2 pods updated, 1 available, 2 of before still there.',
    });
    await room?.stop();
    const other = await roomWith({ status: { observedGeneration: 1 } });
    expect(checkIn(await other.rollback(), 'No rollout is under way').status).toBe('blocking');
  });
});
