/** The addresses under which orchestrations are managed, and the durableClient binding that hands them to functions. */

/** Where the durable routes are, and under which key. */
export interface ManagementAddress {
  /** Origin of the host as its callers see it. */
  publicOrigin: string;
  hubName: string;
  systemKey: string;
}

/** Path of the durable routes on the host. */
export const webhookPath = '/runtime/webhooks/durabletask';

function query({ hubName, systemKey }: ManagementAddress): string {
  return `taskHub=${hubName}&connection=Storage&code=${systemKey}`;
}

/** The URLs for one instance; `id` is put in as it is. */
export function instanceUrls(address: ManagementAddress, id: string): Record<string, string> {
  const instance = `${address.publicOrigin}${webhookPath}/instances/${id}`;
  const common = query(address);
  return {
    statusQueryGetUri: `${instance}?${common}`,
    sendEventPostUri: `${instance}/raiseEvent/{eventName}?${common}`,
    terminatePostUri: `${instance}/terminate?reason={text}&${common}`,
    purgeHistoryDeleteUri: `${instance}?${common}`,
    restartPostUri: `${instance}/restart?${common}`,
    suspendPostUri: `${instance}/suspend?reason={text}&${common}`,
    resumePostUri: `${instance}/resume?reason={text}&${common}`,
  };
}

/** JSON text of the durableClient binding. `rpcBaseUrl` ends with a slash. */
export function clientBinding(address: ManagementAddress, rpcBaseUrl: string): string {
  const base = `${address.publicOrigin}${webhookPath}`;
  const create = `${base}/orchestrators/{functionName}[/{instanceId}]`;
  const code = `code=${address.systemKey}`;
  const rewind = `${base}/instances/INSTANCEID/rewind?reason={text}&${query(address)}`;
  return JSON.stringify({
    taskHubName: address.hubName,
    connectionName: null,
    creationUrls: {
      createNewInstancePostUri: `${create}?${code}`,
      createAndWaitOnNewInstancePostUri: `${create}?timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&${code}`,
    },
    managementUrls: { id: 'INSTANCEID', ...instanceUrls(address, 'INSTANCEID'), rewindPostUri: rewind },
    baseUrl: base,
    requiredQueryStringParameters: code,
    rpcBaseUrl,
    httpBaseUrl: null,
  });
}
