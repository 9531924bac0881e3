import { listCases } from './api-list-cases.ts';
import { podCases } from './api-pod-cases.ts';
import { refusalCases } from './api-refusal-cases.ts';
import type { ApiCase } from './api-subject.ts';

/** Every case, for whoever runs them. */
export const apiCases: readonly ApiCase[] = [...listCases, ...refusalCases, ...podCases];
