/** Foundry's agents by name and version, beside the contract. */
import { z } from 'zod';
import { services } from '../app';
import { operation, pathParams, type Operation } from '../http/operation';
import { listObject } from '../http/paging';
import {
  agentObject,
  agentPathName,
  agentVersionObject,
  createAgentRequest,
  createAgentVersionRequest,
  deleteAgentQuery,
  deletedAgent,
  deletedAgentVersion,
  listAgentsQuery,
  listAgentVersionsQuery,
  updateAgentRequest,
} from '../wire/agents';
import { listOf } from '../wire/common';

const params = pathParams('agent_name');
const versionParams = pathParams('agent_name', 'agent_version');
const newNameParams = z.object({ agent_name: agentPathName });
const agents = async () => (await services()).agents;

export const agentOperations: Operation[] = [
  operation({
    method: 'get',
    path: '/agents',
    summary: 'List agents by name',
    query: listAgentsQuery,
    response: listOf(agentObject),
    handle: async ({ scope, query: { kind = 'prompt', ...page } }) =>
      listObject(kind === 'prompt' ? await (await agents()).list(scope, page) : { data: [], hasMore: false }),
  }),
  operation({
    method: 'post',
    path: '/agents',
    summary: 'Create an agent by name, or a version of the one that has it',
    body: createAgentRequest,
    response: agentObject,
    handle: async ({ scope, body }) => (await agents()).create(scope, body.name, body),
  }),
  operation({
    method: 'get',
    path: '/agents/{agent_name}',
    summary: 'Get an agent with its latest version',
    params,
    response: agentObject,
    handle: async ({ scope, params }) => (await agents()).get(scope, params.agent_name),
  }),
  operation({
    method: 'post',
    path: '/agents/{agent_name}',
    summary: 'Update an agent: a version is added if anything changes',
    params: newNameParams,
    body: updateAgentRequest,
    response: agentObject,
    handle: async ({ scope, params, body }) => (await agents()).update(scope, params.agent_name, body),
  }),
  operation({
    method: 'delete',
    path: '/agents/{agent_name}',
    summary: 'Delete an agent with all its versions',
    params,
    query: deleteAgentQuery,
    response: deletedAgent,
    handle: async ({ scope, params }) => (await agents()).remove(scope, params.agent_name),
  }),
  operation({
    method: 'get',
    path: '/agents/{agent_name}/versions',
    summary: 'List the versions of an agent',
    params,
    query: listAgentVersionsQuery,
    response: listOf(agentVersionObject),
    handle: async ({ scope, params, query }) =>
      listObject(await (await agents()).listVersions(scope, params.agent_name, query)),
  }),
  operation({
    method: 'post',
    path: '/agents/{agent_name}/versions',
    summary: 'Create a version of an agent, and the agent where there is none',
    params: newNameParams,
    body: createAgentVersionRequest,
    response: agentVersionObject,
    handle: async ({ scope, params, body }) => (await agents()).createVersion(scope, params.agent_name, body),
  }),
  operation({
    method: 'get',
    path: '/agents/{agent_name}/versions/{agent_version}',
    summary: 'Get a version of an agent',
    params: versionParams,
    response: agentVersionObject,
    handle: async ({ scope, params }) =>
      (await agents()).getVersion(scope, { name: params.agent_name, version: params.agent_version }),
  }),
  operation({
    method: 'delete',
    path: '/agents/{agent_name}/versions/{agent_version}',
    summary: 'Delete a version of an agent',
    params: versionParams,
    query: deleteAgentQuery,
    response: deletedAgentVersion,
    handle: async ({ scope, params }) => (await agents()).removeVersion(scope, params.agent_name, params.agent_version),
  }),
];
