/** The examples that the published reference prints are sent as printed, with real ids, and answered as printed. */
import { contractSuite } from '../support/contractSuite';
import { exampleObjects, type ExampleIds } from '../support/exampleObjects';
import { publishedExamples, shapeFaults, valueFaults } from '../support/publishedExamples';

const examples = publishedExamples()?.filter(({ operation }) => operation >= 9 && operation <= 46);

/** What of a printed answer is not to be had, and why. Anything else that differs fails. */
const exceptions: Record<string, { fault: string; reason: string }[]> = {
  '20.1': [{ fault: '.file_ids is missing', reason: 'O11: obsolete' }],
  '21.1': [{ fault: '.file_ids is missing', reason: 'O11: obsolete' }],
};

if (examples) {
  const suite = contractSuite();

  it.each(examples.map((example) => [example.id, example.title, example] as const))(
    '%s: %s',
    async (id, _title, example) => {
      const ids = await exampleObjects(suite.client(), suite.upstream, example);
      const { method, path, query, body } = example.request;
      const target = `${withIds(path, ids)}?${new URLSearchParams(query).toString()}`;
      const answer = await suite.send(method, target, { body: body === null ? undefined : bodyWithIds(body, ids) });
      const json: unknown = JSON.parse(await answer.text());
      expect({ status: answer.status, json }).toEqual({ status: example.response.status, json: expect.anything() });
      expect(shapeFaults(example.response.body, json)).toEqual((exceptions[id] ?? []).map(({ fault }) => fault));
      expect(valueFaults(example, json)).toEqual([]);
    },
  );
} else {
  it.skip('the published examples are not checked here: there is no folder ../shared/contract', () => undefined);
}

const withIds = (path: string, ids: ExampleIds): string =>
  path.replace(/\{(\w+)\}/g, (_match, name: string) => ids[name] ?? '');

/** The body with real ids where the printed ones name objects. */
function bodyWithIds(body: unknown, { assistant_id, file_id, other_file_id }: ExampleIds): unknown {
  const text = JSON.stringify(body)
    .replaceAll('asst_abc123', assistant_id ?? '')
    .replaceAll('file-abc123', file_id ?? '')
    .replaceAll('file-abc456', other_file_id ?? '');
  return JSON.parse(text);
}
