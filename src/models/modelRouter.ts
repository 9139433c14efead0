/** Which model service answers which model name. */
import { ModelError, type ChatModel } from './ports';

/** The first of the models that serves the name answers. */
export function modelRouter(models: ChatModel[]): ChatModel {
  const find = (name: string) => models.find((model) => model.serves(name));
  return {
    serves: (name) => find(name) !== undefined,
    stream(request, signal, tenant) {
      const model = find(request.model);
      if (!model) {
        throw new ModelError(
          'not_found',
          `Nothing serves the model '${request.model}'. Set AZURE_OPENAI_ENDPOINT, OPENAI_BASE_URL or MODEL_BACKENDS to a service that has it.`,
        );
      }
      return model.stream(request, signal, tenant);
    },
  };
}
