/** Operations of the contract that this version lacks: they answer that it lacks them. */
import { errors } from '../errors';
import { operation, pathParams, type Method, type Operation } from '../http/operation';
import { z } from 'zod';

const missing: [number: number, method: Method, path: string, summary: string][] = [];

export const missingOperations: Operation[] = missing.map(([number, method, path, summary]) =>
  operation({
    number,
    method,
    path,
    summary,
    apiVersionOptional: true,
    params: pathParams(...[...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)),
    body: 'raw',
    response: z.never(),
    handle: () => Promise.reject(errors.notAvailableYet(summary)),
  }),
);
