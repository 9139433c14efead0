/** Hosts before model services of both styles: what the tests of the model families drive. */
import { startHost, type Host } from './host';
import { startScriptedMedia, type ScriptedMedia } from './scriptedMedia';
import { startScriptedUpstream, type ScriptedUpstream } from './scriptedUpstream';

export const styles = ['openai', 'azure'] as const;
export type Style = (typeof styles)[number];

/** The SDK classes `OpenAI` and `AzureOpenAI`, each before a service of each style: for `describe.each`. */
export const callersAndServices = styles.flatMap((caller) => styles.map((service) => [caller, service] as const));

/** The key of the model services, which no caller may see. */
export const UPSTREAM_KEY = 'upstream-key-0123456789';

type Settings = Record<string, string>;

/** By the style of the service behind it. */
export type Hosts = Record<Style, Host> & { stop: () => Promise<void> };

/** The settings that name one service. */
export const singleService = (openai: { url: string }, azure: { azureEndpoint: string }): Record<Style, Settings> => ({
  openai: { OPENAI_BASE_URL: openai.url, OPENAI_API_KEY: UPSTREAM_KEY },
  azure: { AZURE_OPENAI_ENDPOINT: azure.azureEndpoint, AZURE_OPENAI_API_KEY: UPSTREAM_KEY },
});

/** Starts a host with each of the two settings. */
export async function startHosts(settings: Record<Style, Settings>): Promise<Hosts> {
  const [openai, azure] = await Promise.all([startHost({ env: settings.openai }), startHost({ env: settings.azure })]);
  return { openai, azure, stop: async () => void (await Promise.all([openai.stop(), azure.stop()])) };
}

/** Hosts before one scripted media service, which is reached in both styles. */
export interface MediaHosts {
  media: ScriptedMedia;
  hosts: Hosts;
  stop: () => Promise<void>;
}

/** @param more Settings that differ from those of a single service. */
export async function startMediaHosts(
  more: (media: ScriptedMedia) => Partial<Record<Style, Settings>> = () => ({}),
): Promise<MediaHosts> {
  const media = await startScriptedMedia();
  const hosts = await startHosts({ ...singleService(media, media), ...more(media) });
  return {
    media,
    hosts,
    stop: async () => {
      await hosts.stop();
      await media.close();
    },
  };
}

/** An entry of MODEL_BACKENDS. */
const backendOf = (kind: Style, service: { url: string; azureEndpoint: string }, more: object) => ({
  kind,
  ...(kind === 'openai' ? { base_url: service.url } : { endpoint: service.azureEndpoint }),
  api_key: UPSTREAM_KEY,
  ...more,
});

/** An entry of MODEL_BACKENDS, named for its style, that waits for a second: to headers, and between bytes. */
export const impatient = (kind: Style, service: { url: string; azureEndpoint: string }, more: object = {}) =>
  backendOf(kind, service, { name: kind, headers_timeout_seconds: 1, idle_timeout_seconds: 1, ...more });

/** Services of every family, with the hosts before them. */
export interface EveryModel {
  /** Answer for `gpt-4o` and `embed`. */
  chat: Record<Style, ScriptedUpstream>;
  /** Answers for `instruct`, `painter`, `ears` and `voice`. */
  media: ScriptedMedia;
  hosts: Hosts;
  /** Forgets what was sent and scripted. */
  reset: () => void;
  stop: () => Promise<void>;
}

const deploymentsOf = (...names: string[]) => Object.fromEntries(names.map((name) => [name, name]));

/** Starts all of it: what a client library of several families needs. */
export async function startEveryModel(): Promise<EveryModel> {
  const [openai, azure, media] = await Promise.all([
    startScriptedUpstream(),
    startScriptedUpstream({ style: 'azure' }),
    startScriptedMedia(),
  ]);
  const backends = (kind: Style) => [
    backendOf(kind, { openai, azure }[kind], { name: 'chat', deployments: deploymentsOf('gpt-4o', 'embed') }),
    backendOf(kind, media, { name: 'media', deployments: deploymentsOf('instruct', 'painter', 'ears', 'voice') }),
  ];
  const settings = (kind: Style) => ({ MODEL_BACKENDS: JSON.stringify(backends(kind)) });
  const hosts = await startHosts({ openai: settings('openai'), azure: settings('azure') });
  return {
    chat: { openai, azure },
    media,
    hosts,
    reset: () => {
      openai.reset();
      azure.reset();
      media.reset();
    },
    stop: async () => {
      await hosts.stop();
      await Promise.all([openai.close(), azure.close(), media.close()]);
    },
  };
}
