import { addLinks } from '../../src/agentLoop/toolOutputs';

it.each([
  'sandbox:/mnt/data/Übersicht #2 (Q&A).csv',
  // Models encode as much of a path as they think that a link needs.
  'sandbox:/mnt/data/Übersicht%20#2%20(Q&A).csv',
  'sandbox:/mnt/data/%C3%9Cbersicht%20#2%20(Q&A).csv',
  'sandbox:/mnt/data/%C3%9Cbersicht%20%232%20(Q%26A).csv',
])('a file that code wrote is found by the link %s', (link) => {
  const links = new Map<string, string>();
  addLinks(links, [{ path: '/mnt/data/Übersicht #2 (Q&A).csv', fileId: 'file-1' }]);
  expect(links.get(link)).toBe('file-1');
});

it('a file whose name is like the encoded link of another keeps its own', () => {
  const links = new Map<string, string>();
  addLinks(links, [
    { path: '/mnt/data/a%20b.txt', fileId: 'file-encoded' },
    { path: '/mnt/data/a b.txt', fileId: 'file-plain' },
  ]);
  expect(links.get('sandbox:/mnt/data/a%20b.txt')).toBe('file-encoded');
  expect(links.get('sandbox:/mnt/data/a b.txt')).toBe('file-plain');
});
