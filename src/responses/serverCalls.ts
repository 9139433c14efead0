/** Calls of the server's tools, carried out for a response: searches, code, and tools of MCP servers; and what they brought. */
import type { CodeResult, FoundPassage } from '../agentLoop/ports';
import { InvalidToolCallError, NO_CODE } from '../agentLoop/serverTools';
import { addLinks, type WrittenFile } from '../agentLoop/toolOutputs';
import type {
  CodeInterpreterCall,
  CodeOutput,
  FileSearchCall,
  McpCall,
  OutputItem,
  ResponseItem,
} from '../wire/responseItems';
import type { McpTool, ResponseTool } from '../wire/responseTools';
import type { CallItem } from './callItem';
import { isServerCall } from './callKinds';
import { markedPassages, type FilesOfCalls } from './chatItems';
import { carryOver, containerFiles, copyIntoContainer, noteContainerFiles } from './containerFiles';
import { autoContainerId, isRunning, useAutoContainer, useContainer } from './containerUse';
import type { McpResult, McpServers } from './mcpServers';
import type { MessageSources } from './messageItem';
import { codeFiles } from './newResponse';
import { placedFiles } from './placedFiles';
import type { ResponsesPorts } from './ports';
import type { ResponseTask } from './responseWork';

/** Of all results of a response's tools together, which are stored with it. */
const MAX_RESULT_BYTES = 1024 * 1024;
/** Of the files that code wrote before, how many an answer may link. */
const LINKED_FILES = 100;
/** Of what one piece of code prints; models read no more. */
const MAX_LOG_CHARACTERS = 64 * 1024;
const DEFAULT_SEARCH_RESULTS = 20;

export class ServerCalls {
  /** What the response's code wrote. */
  readonly files: FilesOfCalls;
  /** What code wrote in the container before. */
  private earlierFiles: WrittenFile[] = [];
  private resultBytes = 0;
  private container: string | undefined;
  /** Files that the tool names and that are not there any more; undefined until they are in the container. */
  private missingFiles: string[] | undefined;

  constructor(
    private readonly ports: ResponsesPorts,
    private readonly task: ResponseTask,
    private readonly servers: McpServers,
    private readonly signal: AbortSignal,
  ) {
    this.files = { ...task.files };
    for (const call of task.response.output.filter(isServerCall))
      if (call.status !== 'incomplete' && ('results' in call || 'outputs' in call)) this.fits(JSON.stringify(call));
  }

  /** Finds the container, and what code wrote there before. */
  async begin(): Promise<void> {
    if (!this.tool('code_interpreter')) return;
    this.container = await this.findContainer();
    const newest = { order: 'desc' as const, limit: LINKED_FILES };
    const { data } = await containerFiles(this.ports, this.task.scope, this.containerId, newest);
    this.earlierFiles = data
      .filter(({ added }) => !added)
      .map(({ id: fileId, path }) => ({ fileId, path }))
      .reverse();
  }

  /** The container that the request names, or that of earlier code while it runs, or a new one. */
  private async findContainer(): Promise<string> {
    const { scope, key, items, response } = this.task;
    const container = this.tool('code_interpreter')?.container;
    if (typeof container === 'string') return container;
    // Where a dead owner's code ran, the rest runs too.
    const [own, earlier] = [response.output, items].map((some: readonly ResponseItem[]) =>
      some.findLast((item) => item.type === 'code_interpreter_call'),
    );
    if (own) return own.container_id;
    if (earlier && (await isRunning(this.ports, scope, earlier.container_id))) return earlier.container_id;
    const next = autoContainerId(key);
    if (earlier) await carryOver(this.ports, scope, earlier.container_id, next);
    return next;
  }

  /** Of code that the response runs. */
  get containerId(): string {
    return this.container ?? autoContainerId(this.task.key);
  }

  /** What a message behind that output may refer to. */
  sources(output: OutputItem[]): MessageSources {
    const links = new Map<string, string>();
    addLinks(links, [...this.earlierFiles, ...Object.values(this.files).flat()]);
    const searches = output.filter((item) => item.type === 'file_search_call');
    const passages = new Map<string, FoundPassage>(searches.flatMap((call, search) => markedPassages(call, search)));
    return { passages, links, containerId: this.containerId };
  }

  /** Carries the call out, to its last event. */
  async carryOut(call: CallItem): Promise<void> {
    const { item } = call;
    if (item.type === 'file_search_call') {
      await call.tell('searching');
      await call.found((await this.search(item)).filter(({ text }) => this.fits(text)).map(resultOf));
    }
    if (item.type === 'code_interpreter_call') {
      await call.tell('interpreting');
      const outputs = await this.runCode(item);
      await call.ran(outputs, this.files[item.id] ?? []);
    }
    if (item.type === 'mcp_call') await call.called(await this.callServer(item));
  }

  private async callServer(call: McpCall): Promise<McpResult> {
    const server = this.task.settings.tools.find(
      (tool): tool is McpTool => tool.type === 'mcp' && tool.server_label === call.server_label,
    );
    return this.servers.call(server, call, (text) => this.fits(text));
  }

  private async search({ queries }: FileSearchCall): Promise<FoundPassage[]> {
    const tool = this.tool('file_search');
    if (!tool || queries.length === 0) return [];
    const {
      vector_store_ids: stores,
      max_num_results: limit = DEFAULT_SEARCH_RESULTS,
      ranking_options: ranking,
      filters,
    } = tool;
    const options = { limit, scoreThreshold: ranking?.score_threshold ?? 0, ranking, ...(filters && { filters }) };
    return this.ports.fileSearch.search(this.task.scope, stores, queries, options, this.signal);
  }

  private async runCode({ id, code, container_id: session }: CodeInterpreterCall): Promise<CodeOutput[]> {
    const { images, files, logs } = code?.trim() ? await this.runInContainer(code, session) : NO_CODE;
    this.files[id] = [...images, ...files].map(({ fileId, path }): WrittenFile => ({
      fileId,
      path: path.startsWith('/') ? path : `/mnt/data/${path}`,
    }));
    await noteContainerFiles(this.ports, this.task.scope, session, this.files[id]);
    const kept = logs.length > MAX_LOG_CHARACTERS ? `${logs.slice(0, MAX_LOG_CHARACTERS).toWellFormed()}…` : logs;
    return [
      ...(kept
        ? [{ type: 'logs' as const, logs: this.fits(kept) ? kept : 'There is no room left for this output.' }]
        : []),
      ...images.map(({ fileId }) => ({ type: 'image' as const, url: fileId })),
    ];
  }

  private async runInContainer(code: string, session: string): Promise<CodeResult> {
    const tool = this.tool('code_interpreter');
    const { codeInterpreter } = this.ports;
    if (!codeInterpreter) throw new InvalidToolCallError('There is no code interpreter any more.');
    const { scope } = this.task;
    if (typeof tool?.container === 'string') await useContainer(this.ports, scope, session);
    else await useAutoContainer(this.ports, scope, session);
    const wanted = tool ? codeFiles(tool) : [];
    this.missingFiles ??= await copyIntoContainer(this.ports, scope, session, wanted);
    const placed = await placedFiles(this.ports, scope, session);
    return codeInterpreter.run({ scope, session, code, fileIds: this.missingFiles, placed }, this.signal);
  }

  private tool<T extends ResponseTool['type']>(type: T) {
    return this.task.settings.tools.find((tool): tool is Extract<ResponseTool, { type: T }> => tool.type === type);
  }

  private fits(text: string): boolean {
    this.resultBytes += Buffer.byteLength(JSON.stringify(text));
    return this.resultBytes <= MAX_RESULT_BYTES;
  }
}

const resultOf = ({ fileId, filename, score, text, attributes }: FoundPassage) => ({
  file_id: fileId,
  filename,
  score,
  text,
  attributes,
});
