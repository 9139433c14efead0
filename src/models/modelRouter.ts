/** Which model service answers which model name. */
import { ModelError, type ChatModel, type Completions } from './ports';

/** The first of the models that serves the name answers. */
export function modelRouter(models: ChatModel[]): ChatModel {
  const find = finder(models);
  return {
    serves: (name) => models.some((model) => model.serves(name)),
    stream: (request, ...options) => find(request.model).stream(request, ...options),
  };
}

/** As {@link modelRouter}, for completions in their wire form. */
export function completionsRouter(models: Completions[]): Completions {
  const find = finder(models);
  return {
    serves: (name) => models.some((model) => model.serves(name)),
    isExtractive: (name) => find(name).isExtractive(name),
    whole: async (body, signal, tenant) => find(body.model).whole(body, signal, tenant),
    chunks: (body, signal, tenant) => find(body.model).chunks(body, signal, tenant),
  };
}

/** The first that serves a name. Throws {@link ModelError} `not_found`. */
function finder<Model extends { serves(name: string): boolean }>(models: Model[]): (name: string) => Model {
  return (name) => {
    const model = models.find((candidate) => candidate.serves(name));
    if (model) return model;
    throw new ModelError(
      'not_found',
      `Nothing serves the model '${name}'. Set AZURE_OPENAI_ENDPOINT, OPENAI_BASE_URL or MODEL_BACKENDS to a service that has it.`,
    );
  };
}
