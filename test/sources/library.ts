/** The documents that all test sources hold: short, and each about one thing. */
export interface LibraryDocument {
  id: string;
  title: string;
  url: string;
  filepath: string;
  category: string;
  content: string;
}

const document = (id: string, category: string, title: string, content: string): LibraryDocument => ({
  id,
  title,
  url: `https://docs.example.com/${id}`,
  filepath: `manual/${id}.md`,
  category,
  content,
});

export const library: readonly LibraryDocument[] = [
  document(
    'espresso',
    'machines',
    'Espresso machine',
    'The espresso machine heats water to 93 degrees and keeps a pressure of nine bar.',
  ),
  document(
    'descaling',
    'care',
    'Descaling',
    'Descale the boiler every three months with citric acid, then rinse twice with fresh water.',
  ),
  document('grinder', 'machines', 'Grinder', 'The burr grinder has forty steps; finer steps slow the shot down.'),
  document('milk', 'recipes', 'Milk', 'Steam milk to sixty degrees; hotter milk loses its sweetness.'),
  document(
    'warranty',
    'service',
    'Warranty',
    'The warranty lasts two years and covers the pump, the boiler and the electronics.',
  ),
  document(
    'returns',
    'service',
    'Returns',
    'Returned machines are refunded within fourteen days when they come in their box.',
  ),
  document(
    'coldbrew',
    'recipes',
    'Cold brew',
    'Cold brew steeps coarse coffee in cold water for eighteen hours in the fridge.',
  ),
  document(
    'filters',
    'care',
    'Water filters',
    'Change the water filter after fifty litres or two months, whichever comes first.',
  ),
];
