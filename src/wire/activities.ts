/**
 * Activities of the Bot Framework, as far as they matter here:
 * https://github.com/microsoft/Agents/blob/main/specs/activity/protocol-activity.md. Activities are open: what is not told here is passed over, as that says.
 */
import { z } from '@hono/zod-openapi';
import { unsupported } from './unsupported';

/** Ids of channels are theirs; Teams' are long. */
const channelText = z.string().min(1).max(1024);

const account = z.looseObject({ id: channelText.nullish(), name: z.string().max(1024).nullish() });

const attachment = z.looseObject({
  contentType: z.string().max(256).nullish(),
  contentUrl: z.string().max(10_000_000).nullish(),
});
export type ActivityAttachment = z.infer<typeof attachment>;

/** `normal` and what asks for no more than that; `expectReplies` wants the replies as a list in the answer. */
const deliveryMode = z
  .string()
  .refine((mode) => mode !== 'stream', unsupported("Replies come whole: use 'expectReplies', or leave it out."))
  .pipe(z.enum(['normal', 'notification', 'ephemeral', 'expectReplies']));

/** `Activity`. */
export const activity = z
  .looseObject({
    type: z.string().min(1).max(128),
    id: channelText.nullish(),
    channelId: channelText.nullish(),
    serviceUrl: z.string().max(2048).nullish(),
    conversation: z.looseObject({ id: channelText }),
    from: account.nullish(),
    recipient: account.nullish(),
    text: z.string().max(256_000).nullish(),
    locale: z.string().max(64).nullish(),
    /** What a card was filled with. */
    value: z.unknown().optional(),
    attachments: z.array(attachment).max(50).nullish(),
    deliveryMode: deliveryMode.nullish(),
    membersRemoved: z.array(account).max(1000).nullish(),
  })
  .meta({ id: 'Activity' });
export type Activity = z.infer<typeof activity>;

/** What a citation is in a message: https://learn.microsoft.com/microsoftteams/platform/bots/how-to/bot-messages-ai-generated-content. */
const claim = z.object({
  '@type': z.literal('Claim'),
  position: z.int(),
  appearance: z.object({
    '@type': z.literal('DigitalDocument'),
    name: z.string().max(80),
    abstract: z.string().max(160),
    url: z.string().optional(),
  }),
});

const generatedMessage = z.object({
  type: z.literal('https://schema.org/Message'),
  '@type': z.literal('Message'),
  '@context': z.literal('https://schema.org'),
  '@id': z.literal(''),
  additionalType: z.tuple([z.literal('AIGeneratedContent')]),
  citation: z.array(claim),
});

/** The agent's message. */
export const replyActivity = z
  .object({
    type: z.literal('message'),
    id: z.string(),
    timestamp: z.string(),
    channelId: z.string().optional(),
    serviceUrl: z.string().optional(),
    conversation: z.looseObject({ id: z.string() }),
    from: account,
    recipient: account.optional(),
    replyToId: z.string().optional(),
    locale: z.string().optional(),
    text: z.string(),
    textFormat: z.literal('markdown'),
    inputHint: z.literal('acceptingInput'),
    entities: z.array(generatedMessage),
  })
  .meta({ id: 'ReplyActivity' });
export type ReplyActivity = z.infer<typeof replyActivity>;

/** The reply, or nothing; `expectReplies` has them in a list. */
export const activityAnswer = z.union([
  replyActivity,
  z.object({ activities: z.array(replyActivity) }).meta({ id: 'ExpectedReplies' }),
  z.strictObject({}),
]);
export type ActivityAnswer = z.infer<typeof activityAnswer>;
