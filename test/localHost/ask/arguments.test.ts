import { readArguments, UsageError } from '../../../src/localHost/ask/arguments';

describe('arguments of npm run ask', () => {
  it('takes every positional but the last as a further path', () => {
    expect(readArguments(['--files', 'a', 'b', '--files', 'c', 'd', 'Why?'])).toMatchObject({
      paths: ['a', 'c', 'b', 'd'],
      question: 'Why?',
      keep: false,
    });
  });

  it('takes options on both sides of the question', () => {
    const args = ['--model', 'gpt', '--files=a', ' Why? ', '--keep', '--api-key', 'k', '--host-url', 'http://h:1/v1/'];
    expect(readArguments(args)).toEqual({
      paths: ['a'],
      question: 'Why?',
      model: 'gpt',
      hostUrl: 'http://h:1',
      apiKey: 'k',
      keep: true,
    });
  });

  it('asks for nothing else when it is asked for help', () => {
    expect(readArguments(['--help'])).toBe('help');
    expect(readArguments(['-h', 'whatever'])).toBe('help');
  });

  it.each([
    [['Why?'], /--files is missing/],
    [['--files', 'a'], /question is missing/],
    [['--files', 'a', '  '], /question is missing/],
    [['--files', '', 'Why?'], /--files takes/],
    [['--files', 'a', 'Why?', '--host-url', 'localhost:7071'], /--host-url takes/],
    [['--files', 'a', 'Why?', '--nonsense'], /--nonsense/],
    [['Why?', '--files'], /--files/],
  ])('refuses %j', (args, message) => {
    expect(() => readArguments(args)).toThrow(UsageError);
    expect(() => readArguments(args)).toThrow(message);
  });
});
