/**
 * `npm run test:dotnet`: the official .NET SDKs against a host of this package. What stands behind `--` goes to `dotnet test`, such as `--filter Threads`.
 *
 * The C# tests get the host's address and key in HOST_URL and HOST_KEY. They script the model behind it by words of the last user message:
 * - `Call the tool NAME with {json}`, as often as there are tools to call: calls them, all at once; when their outputs are there, answers `The tools said: A; B`
 *   with the outputs in the order of the calls. A part of the arguments may hold no closing brace but its own.
 * - `Answer slowly`: takes 20 seconds for it, in 100 pieces where it is streamed.
 * - `Fail with STATUS`: the model service answers with this HTTP status.
 * - `Answer 'TEXT'`: answers that.
 * - anything else: searches where `file_search` is among the tools, else answers `You said: …`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { startHost } from '../support/host';
import { reply, toolOutputs, type Reply, type UpstreamBody } from '../support/scriptedUpstream';
import { startModelServices } from './modelServices';

const ROOT = join(__dirname, '..', '..').replace(/[\\/]dist$/, '');
const PROJECT = join(ROOT, 'test', 'dotnet', 'DotnetTests.csproj');
const SLOW_PIECES = 100;
const SLOW_MS = 20_000;

/** The reply that the last user message asks for; undefined for the default one. */
function asTheUserSays({ messages = [], stream }: UpstreamBody): Reply | undefined {
  const place = messages.findLastIndex((message) => message.role === 'user');
  const said = JSON.stringify(messages[place]?.content ?? '').replaceAll('\\"', '"');
  const calls = [...said.matchAll(/Call the tool (\w+) with (\{[^}]*\})/g)];
  if (calls.length > 0) {
    const outputs = toolOutputs(messages.slice(place));
    if (outputs.length >= calls.length) return reply.text(`The tools said: ${outputs.join('; ')}`);
    return reply.toolCalls(
      calls.map(([, name = '', args]) => ({ name, arguments: JSON.parse(args ?? '{}') as unknown })),
    );
  }
  const status = /Fail with (\d{3})/.exec(said)?.[1];
  if (status) return reply.status(Number(status));
  const wanted = /Answer '([^']*)'/.exec(said)?.[1];
  if (wanted) return reply.text(wanted);
  if (!said.includes('Answer slowly')) return undefined;
  const text = 'word '.repeat(SLOW_PIECES);
  return stream
    ? reply.text(text, { chunks: SLOW_PIECES, delayMs: SLOW_MS / SLOW_PIECES })
    : reply.slow(SLOW_MS, reply.text(text));
}

/** Runs `dotnet test` with the arguments of this program; its exit code, or 1 where there is no dotnet. */
async function dotnetTest(env: Record<string, string>): Promise<number> {
  const child = spawn('dotnet', ['test', PROJECT, ...process.argv.slice(2)], {
    env: { ...process.env, ...env, DOTNET_CLI_TELEMETRY_OPTOUT: '1', DOTNET_NOLOGO: '1' },
    stdio: 'inherit',
  });
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? 1;
  } catch (error) {
    console.error(`Cannot run 'dotnet': install the .NET SDK 10 to run these tests. (${String(error)})`);
    return 1;
  }
}

async function main(): Promise<void> {
  const services = await startModelServices(asTheUserSays);
  const host = await startHost({ env: { ...services.settings, EMBEDDING_DEPLOYMENT: 'embed' } });
  try {
    process.exitCode = await dotnetTest({ ...services.variables, HOST_URL: host.url, HOST_KEY: host.key() });
  } finally {
    await host.stop();
    await services.close();
  }
}

void main();
