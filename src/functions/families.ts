/** Every family of operations that is served. */
import type { Family } from '../http/family';
import { agentActivity, applicationActivity } from './activities';
import { atAgentsAddress } from './agentEndpoint';
import { agentOperations } from './agents';
import { askOperations } from './ask';
import { assistantOperations } from './assistants';
import { assistantFileOperations } from './assistantFiles';
import { chatCompletions, completions, embeddings } from './chat';
import { containersFamily } from './containers';
import { conversationsFamily } from './conversations';
import { filesFamily } from './files';
import { fineTuningFamily } from './fineTuning';
import {
  imageEdits,
  imageGenerations,
  imageVariations,
  moderations,
  speech,
  transcriptions,
  translations,
} from './media';
import { messageFileOperations } from './messageFiles';
import { modelsFamily } from './models';
import { inCallersForm } from './olderForm';
import { realtimeApiFamily, realtimeFamily } from './realtime';
import { responsesFamily } from './responses';
import { runOperations } from './runs';
import { schedulesFamily } from './schedules';
import { syncsFamily } from './syncs';
import { threadOperations } from './threads';
import { uploadsFamily } from './uploads';
import { upstreamContainerOperations } from './upstreamContainers';
import { upstreamConversationOperations } from './upstreamConversations';
import { withUpstreamMode } from './upstreamMode';
import { upstreamResponseOperations } from './upstreamResponses';
import { usageFamily } from './usage';
import { vectorStoresFamily } from './vectorStores';

const audio = [transcriptions, translations, speech];
const images = [imageGenerations, imageEdits, imageVariations];
const everyModel = [completions, embeddings, chatCompletions, ...audio, ...images];

const modelFamilies: Family[] = [
  { name: 'deployments', operations: everyModel.map(({ deployments }) => deployments) },
  { name: 'completions', operations: [completions.model] },
  { name: 'embeddings', operations: [embeddings.model] },
  { name: 'chat', operations: [chatCompletions.model] },
  { name: 'audio', operations: audio.map(({ model }) => model) },
  { name: 'images', operations: images.map(({ model }) => model) },
  { name: 'moderations', operations: [moderations] },
  fineTuningFamily,
  modelsFamily,
  realtimeApiFamily,
  realtimeFamily,
];

const responses: Family = {
  ...responsesFamily,
  operations: withUpstreamMode(responsesFamily.operations, upstreamResponseOperations),
};
const conversations: Family = {
  ...conversationsFamily,
  operations: withUpstreamMode(conversationsFamily.operations, upstreamConversationOperations),
};
const containers: Family = {
  ...containersFamily,
  operations: withUpstreamMode(containersFamily.operations, upstreamContainerOperations),
};
const talkOperations = [...responses.operations, ...conversations.operations];

export const families: Family[] = [
  ...modelFamilies.map((family) => ({ ...family, isStateless: true })),
  {
    name: 'agents',
    operations: [...agentOperations, ...askOperations, agentActivity, ...atAgentsAddress(talkOperations)],
  },
  { name: 'applications', operations: [applicationActivity] },
  { name: 'assistants', operations: [...assistantOperations, ...assistantFileOperations].map(inCallersForm) },
  { name: 'threads', operations: [...threadOperations, ...messageFileOperations, ...runOperations].map(inCallersForm) },
  schedulesFamily,
  filesFamily,
  uploadsFamily,
  vectorStoresFamily,
  syncsFamily,
  responses,
  conversations,
  containers,
  usageFamily,
];
