/** An agent's answer as an activity. Pure. */
import type { CitedAnswer, NumberedCitation } from '../agentLoop/citedAnswer';
import type { Activity, ReplyActivity } from '../wire/activities';

const MAX_NAME = 80;
const MAX_ABSTRACT = 160;

/** The reply to `asked`; `at` in milliseconds. */
export function replyActivity(
  asked: Activity,
  answer: CitedAnswer,
  { id, agent, at }: { id: string; agent: string; at: number },
): ReplyActivity {
  return {
    type: 'message',
    id,
    timestamp: new Date(at).toISOString(),
    ...(asked.channelId && { channelId: asked.channelId }),
    ...(asked.serviceUrl && { serviceUrl: asked.serviceUrl }),
    conversation: asked.conversation,
    from: asked.recipient ?? { id: agent, name: agent, role: 'bot' },
    ...(asked.from && { recipient: asked.from }),
    ...(asked.id && { replyToId: asked.id }),
    ...(asked.locale && { locale: asked.locale }),
    text: textOf(answer),
    textFormat: 'markdown',
    inputHint: 'acceptingInput',
    entities: [
      {
        type: 'https://schema.org/Message',
        '@type': 'Message',
        '@context': 'https://schema.org',
        '@id': '',
        additionalType: ['AIGeneratedContent'],
        citation: answer.citations.map(claimOf),
      },
    ],
  };
}

/** A channel can neither give a function's output nor approve a tool. */
function textOf({ status, text, waitsFor }: CitedAnswer): string {
  if (status !== 'requires_action') return text;
  const told = `The agent needs an action that cannot be taken here: ${waitsFor.join(', ')}.`;
  return text ? `${text}\n\n${told}` : told;
}

const claimOf = ({ position, title, quote, url }: NumberedCitation) => ({
  '@type': 'Claim' as const,
  position,
  appearance: {
    '@type': 'DigitalDocument' as const,
    name: title.slice(0, MAX_NAME),
    abstract: (quote ?? title).slice(0, MAX_ABSTRACT),
    ...(url && { url }),
  },
});
