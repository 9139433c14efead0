import { passesFilter } from '../../src/retrieval/attributeFilter';
import type { Filter } from '../../src/wire/vectorStores';

const attributes = { year: 2024, region: 'eu', draft: false };

describe('passesFilter', () => {
  it.each<[Filter, boolean]>([
    [{ type: 'eq', key: 'region', value: 'eu' }, true],
    [{ type: 'eq', key: 'draft', value: false }, true],
    [{ type: 'eq', key: 'year', value: '2024' }, false],
    [{ type: 'eq', key: 'constructor', value: 'x' }, false],
    [{ type: 'ne', key: 'region', value: 'us' }, true],
    [{ type: 'ne', key: 'region', value: 'eu' }, false],
    [{ type: 'ne', key: 'absent', value: 1 }, true],
    [{ type: 'gt', key: 'year', value: 2023 }, true],
    [{ type: 'gt', key: 'year', value: 2024 }, false],
    [{ type: 'gte', key: 'year', value: 2024 }, true],
    [{ type: 'lt', key: 'year', value: 2025 }, true],
    [{ type: 'lt', key: 'region', value: 'us' }, true],
    [{ type: 'lte', key: 'year', value: 2023 }, false],
    [{ type: 'lte', key: 'year', value: '3000' }, false],
    [{ type: 'gt', key: 'absent', value: 0 }, false],
    [{ type: 'in', key: 'region', value: ['us', 'eu'] }, true],
    [{ type: 'in', key: 'absent', value: ['us'] }, false],
    [{ type: 'nin', key: 'region', value: ['us'] }, true],
    [{ type: 'nin', key: 'absent', value: ['us'] }, true],
    [{ type: 'and', filters: [] }, true],
    [{ type: 'or', filters: [] }, false],
  ])('%j is %s', (filter, passes) => {
    expect(passesFilter(attributes, filter)).toBe(passes);
  });

  it('combines filters at any depth', () => {
    const recent: Filter = { type: 'gte', key: 'year', value: 2024 };
    const us: Filter = { type: 'eq', key: 'region', value: 'us' };
    const final: Filter = { type: 'eq', key: 'draft', value: false };
    expect(passesFilter(attributes, { type: 'and', filters: [recent, { type: 'or', filters: [us, final] }] })).toBe(
      true,
    );
    expect(passesFilter(attributes, { type: 'and', filters: [recent, us] })).toBe(false);
  });
});
