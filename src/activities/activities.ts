/** Activities of channels, answered by the agents of a scope: https://github.com/microsoft/Agents/blob/main/specs/activity/protocol-activity.md. */
import { createHash } from 'node:crypto';
import { errors } from '../errors';
import type { Scope } from '../scope';
import { newId } from '../storage/keys';
import type { Activity, ActivityAnswer, ActivityAttachment, ReplyActivity } from '../wire/activities';
import { conversationPartition, replyId } from './conversationRecords';
import { HeldConversation } from './heldConversation';
import type { ActivitiesPorts } from './ports';
import { replyActivity } from './replyActivity';

export type Activities = ReturnType<typeof createActivities>;

/** The conversations of channels with the agents of a scope. */
export function createActivities(ports: ActivitiesPorts) {
  const { records, agents, now, logFault } = ports;

  /**
   * Answers an activity to `agent`: `name`, `name:version`, or an assistant's id. A message gets the agent's reply; one that is delivered again the same reply. What
   * a bot does not understand it passes over, as the protocol wants. Throws 404 for an agent that is not there, 501 for an `invoke`, 409 where the conversation is
   * busy for long, and what keeps the agent from its answer.
   */
  async function receive(scope: Scope, agent: string, activity: Activity): Promise<ActivityAnswer> {
    await agents.check(scope, agent);
    // Its caller waits for a value, which only a bot made for it could give.
    if (activity.type === 'invoke') throw errors.activityNotServed(activity.type);
    const partition = conversationPartition(scope, agent, activity.channelId ?? '', activity.conversation.id);
    const replies = activity.type === 'message' ? [await answered(scope, agent, activity, partition)] : [];
    if (endsConversation(activity)) await records.deletePartition(partition);
    return activity.deliveryMode === 'expectReplies' ? { activities: replies } : (replies[0] ?? {});
  }

  async function answered(scope: Scope, agent: string, activity: Activity, partition: string): Promise<ReplyActivity> {
    const said = { text: textOf(activity), images: imagesOf(activity.attachments ?? []) };
    const reply = activity.id ? replyId(activity.id) : undefined;
    const opened = await HeldConversation.open(ports, partition, {
      conversationId: activity.conversation.id,
      replyId: reply,
    });
    if ('reply' in opened) return opened.reply;
    const { held } = opened;
    const id = newId('');
    const key = createHash('sha256')
      .update(`${partition} ${reply ?? id} ${held.failures}`)
      .digest('hex');
    const { at, ...answer } = await agents
      .take({ scope, agent, ...said, at: held.at, key })
      .catch(async (error: unknown) => {
        await held.release().catch((fault: unknown) => logFault('A conversation was not released.', fault));
        throw error;
      });
    const made = replyActivity(activity, answer, { id, agent, at: now() });
    await held.close(at, made, reply);
    return made;
  }

  return { receive };
}

/** It says so, or the agent was removed from it. */
const endsConversation = ({ type, recipient, membersRemoved }: Activity): boolean =>
  type === 'endOfConversation' ||
  (type === 'conversationUpdate' &&
    Boolean(recipient?.id) &&
    (membersRemoved ?? []).some(({ id }) => id === recipient?.id));

/** What was written, or what a card was filled with. Throws 400 where there is neither text nor picture. */
function textOf({ text, value, attachments }: Activity): string {
  if (text?.trim()) return text;
  if (value !== undefined && value !== null) return JSON.stringify(value);
  if ((attachments ?? []).some(isImage)) return '';
  throw errors.missingParameter('text');
}

const isImage = ({ contentType }: ActivityAttachment): boolean => /^image\//i.test(contentType ?? '');

/** Throws 400 for attachments that an agent is not given; Teams sends each text as `text/html` too, which says the same again. */
function imagesOf(attachments: readonly ActivityAttachment[]): string[] {
  return attachments.flatMap((attachment, index) => {
    const { contentType, contentUrl } = attachment;
    if (/^text\/html\b/i.test(contentType ?? '') && !contentUrl) return [];
    const param = `attachments[${index}]`;
    if (!isImage(attachment)) throw errors.unsupported(param, 'Attachments may be pictures.');
    if (!contentUrl || !/^(https:\/\/|data:image\/)/i.test(contentUrl))
      throw errors.invalidParameter(
        `'${param}.contentUrl' must be an https: or data:image/ URL.`,
        'invalid_value',
        param,
      );
    return [contentUrl];
  });
}
