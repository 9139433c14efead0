/** What the tenant used of the model services (`/usage`). */
import { services } from '../app';
import { errors } from '../errors';
import type { Family } from '../http/family';
import { operation } from '../http/operation';
import { MAX_USAGE_DAYS, usageList, usageQuery } from '../wire/usage';

const DAY_MS = 86_400_000;

const read = operation({
  method: 'get',
  path: '/usage',
  summary: 'Usage of the model services by day and deployment',
  // What is used tells what things cost, which is not for everyone who uses them.
  role: 'contributor',
  query: usageQuery,
  response: usageList,
  handle: async ({ scope, query: { start_date: start, end_date: end = start } }) => {
    const days = (Date.parse(end) - Date.parse(start)) / DAY_MS + 1;
    if (!(days >= 1 && days <= MAX_USAGE_DAYS)) {
      const message = `Invalid 'end_date': it must be from 0 to ${MAX_USAGE_DAYS - 1} days after 'start_date'.`;
      throw errors.invalidParameter(message, 'invalid_value', 'end_date');
    }
    const usage = await (await services()).usage.read(scope.tenant, start, end);
    return { object: 'list', data: usage.map((day) => ({ object: 'usage.day', ...day })) };
  },
});

export const usageFamily: Family = { name: 'usage', operations: [read], isStateless: true };
