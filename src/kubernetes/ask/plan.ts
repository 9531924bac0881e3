import { z } from 'zod';

/** What is asked, in this order. */
export const questions = ['process', 'flags', 'heap', 'native-memory', 'threads'] as const;
export type Question = (typeof questions)[number];

/** What an approval of asking a JVM is bound to: one container of one pod, and what it is asked. */
export const askPlanSchema = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  pod: z.string(),
  /** The pod's own. */
  uid: z.string(),
  container: z.string(),
  questions: z.array(z.enum(questions)),
});

export type AskPlan = z.infer<typeof askPlanSchema>;

/** The thread dump is a signal to the process, and is asked for by its own flag. */
export function questionsFor(withThreads: 'threads' | 'none'): Question[] {
  return questions.filter((question) => question !== 'threads' || withThreads === 'threads');
}

/** Short, for what the JVM said comes right behind it on a lock screen. */
export function askWords({ namespace, pod, container, questions: asked }: AskPlan): string {
  const signal = asked.includes('threads') ? ', with SIGQUIT' : '';
  return `ask the JVM of ${namespace}/${pod} (${container})${signal}`;
}
