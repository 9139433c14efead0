/** The OpenAPI document of the declared operations. */
import { OpenAPIHono } from '@hono/zod-openapi';
import type { z } from 'zod';
import { errorResponse } from '../wire/common';
import { appRoles } from '../principal';
import { basePaths } from './basePaths';
import { version } from '../../package.json';
import type { Operation } from './operation';

/** An OpenAPI 3.1 document; its servers are the base paths. */
export function openApiDocument(operations: Operation[]): object {
  const documented = new OpenAPIHono();
  for (const { method, path, summary, params, query, body, response, role } of operations) {
    documented.openAPIRegistry.registerPath({
      method,
      path,
      summary,
      'x-required-role': appRoles[role],
      request: { params, query, ...(body ? { body: { content: bodyContent(body) } } : {}) },
      responses: {
        200: {
          description: 'Success',
          content: response === 'raw' ? { 'application/octet-stream': {} } : json(response),
        },
        default: { description: 'Error', content: json(errorResponse) },
      },
    });
  }
  documented.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'apiKey',
    in: 'header',
    name: 'api-key',
  });
  documented.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  return documented.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'azure-openai-functions', version },
    servers: basePaths.map(({ route }) => ({
      url: `/${route}`,
      ...(route.includes('{project}') ? { variables: { project: { default: 'default' } } } : {}),
    })),
    security: [{ apiKey: [] }, { bearer: [] }],
  });
}

const json = (schema: z.ZodType) => ({ 'application/json': { schema } });
const bodyContent = (body: z.ZodType | 'raw') =>
  body === 'raw' ? { 'multipart/form-data': { schema: {} } } : json(body);
