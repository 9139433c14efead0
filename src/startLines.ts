/** What the log says at start. */
import { LOCAL_MODEL } from './adapters/localModel';
import { modelBackends, settings } from './app';
import { ConfigError } from './config';
import { isMicrosoftAudience } from './entraSettings';
import { uploadContainer } from './triggerSettings';

/** No service is called by default: the key may be in the environment for other programs. */
const exampleOf = (setting: string): string =>
  setting === 'OPENAI_BASE_URL' ? ' (that of OpenAI itself is https://api.openai.com/v1)' : '';

/** What serves, for the log at start. A wrong setting is named here too. */
export async function startLines(): Promise<string[]> {
  try {
    const { embeddingDeployment, telemetry, unusedKeys, storage, blobTriggerSource, entra, responsesMode } = settings();
    const { backends, server } = await modelBackends();
    const notes = [
      ...telemetry.warnings.map((warning) => `Telemetry: ${warning}`),
      ...unusedKeys.map(({ key, missing }) => `${key} is not used, since ${missing} is not set${exampleOf(missing)}.`),
    ];
    if (entra) {
      const open = entra.audiences.filter(isMicrosoftAudience);
      const risk =
        open.length > 0
          ? ` Tokens for ${open.join(', ')} let in whom ENTRA_PRINCIPALS names: read docs/identity.md on the risk.`
          : '';
      notes.push(
        `Callers: API keys, and Entra ID tokens of ${entra.tenantId} for ${entra.audiences.join(', ')}.${risk}`,
      );
    }
    if (responsesMode === 'upstream')
      notes.push('Responses and conversations: those of the model service, since RESPONSES_MODE is upstream.');
    if (storage.kind === 'azure') {
      const when = blobTriggerSource === 'EventGrid' ? ', once Event Grid tells of them' : '';
      notes.push(
        `Storage: the Azure storage account ${storage.account.name}. Blobs at ${uploadContainer(storage)}/{vector_store_id}/{name} are ingested${when}.`,
      );
    }
    if (server) {
      return [
        ...notes,
        `Models: ${server}, found on this machine, beside the built-in ${LOCAL_MODEL}. LOCAL_MODEL_SERVERS=off leaves it alone.`,
        'Embeddings of vector stores: built in.',
      ];
    }
    if (backends.length === 0) {
      return [
        ...notes,
        `Models: the built-in ${LOCAL_MODEL} (answers from documents only). Set AZURE_OPENAI_ENDPOINT, OPENAI_BASE_URL or MODEL_BACKENDS for real ones.`,
        'Embeddings: built in.',
      ];
    }
    const embeddings = embeddingDeployment
      ? `Embeddings: deployment ${embeddingDeployment} there.`
      : 'Embeddings: built in, since EMBEDDING_DEPLOYMENT is not set.';
    return [
      ...notes,
      `Models: ${backends.map(({ baseUrl }) => baseUrl).join(', ')}, beside the built-in ${LOCAL_MODEL}.`,
      embeddings,
    ];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [`Every request will be refused: ${error.message}`];
  }
}
