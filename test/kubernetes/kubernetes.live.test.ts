import { afterAll, describe, test } from '@jest/globals';
import { apiCases } from './api-cases.ts';
import { closeSubject, surveyCluster } from './api-subject.ts';

// KUBECONFIG names the server, with a user who may read everything. KUBECONFIG_FORBIDDEN may name a kubeconfig of somebody
// who may do nothing there: without it the wording of refusals is not compared.
const { KUBECONFIG, KUBECONFIG_FORBIDDEN } = process.env;

/** A big cluster takes its time for a whole list. */
const timeoutMs = 60_000;

if (KUBECONFIG === undefined || KUBECONFIG === '') {
  describe('a live Kubernetes API', () => {
    test.skip('is not asked: set KUBECONFIG to a file that leads to one', () => {});
  });
} else {
  const subject = await surveyCluster(KUBECONFIG, KUBECONFIG_FORBIDDEN);
  describe(`the Kubernetes API at ${subject.quorum.address}`, () => {
    afterAll(() => closeSubject(subject));
    for (const { title, applies, run } of apiCases) {
      const isTried = applies === undefined || applies(subject);
      if (isTried) test(title, () => run(subject), timeoutMs);
      else test.skip(`${title} (nothing there to try it on)`, () => {});
    }
  });
}
