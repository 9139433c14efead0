/** Documents that nobody made for this project, where they lie beside it: each is found by a sentence in it, or fails with the true reason. */
import { createReadStream, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { startHost, type Host } from '../support/host';

const FOLDER = join(__dirname, '..', '..', '..', 'shared', 'documents');

/** A sentence of each document that has text, or what its failure says. */
const documents: Record<string, string | RegExp> = {
  'markitdown/MEDRPT-2024-PAT-3847_medical_report_scan.pdf': /no text; it may be a scan/,
  'markitdown/RECEIPT-2024-TXN-98765_retail_purchase.pdf': 'Screen Cleaning Kit Professional Grade',
  'markitdown/REPAIR-2022-INV-001_multipage.pdf': 'Minor rear bumper repair',
  'markitdown/SPARSE-2024-INV-1234_borderless_table.pdf':
    'Cross-location verification protocols should be reviewed to prevent future discrepancies.',
  'markitdown/equations.docx': 'From Eq. 36.1.3',
  'markitdown/masterformat_partial_numbering.pdf': 'KEN SARGENT HOUSE GRANDE PRAIRIE, ALBERTA',
  'markitdown/movie-theater-booking-2024.pdf': 'Account Representatives',
  'markitdown/random.bin': /binary data of an unknown kind/,
  'markitdown/rlink.docx': 'AI-generated content may be incorrect.',
  'markitdown/test.docx': 'how can we facilitate the development of LLM applications that could span a broad spectrum',
  'markitdown/test.epub': 'a second chapter with a different style',
  'markitdown/test.jpg': /image\/jpeg/,
  'markitdown/test.json': '9700dc99-6685-40b4-9a3a-5e406dcb37f3',
  'markitdown/test.m4a': /video\/mp4/,
  'markitdown/test.mp3': /audio\/mpeg/,
  'markitdown/test.pdf': 'Achieving this requires addressing two critical questions',
  'markitdown/test.pptx': '04191ea8-5c73-4215-a1d3-1cfb43aaaf12',
  'markitdown/test.wav': /audio\/wav/,
  'markitdown/test.xls': '6ff4173b-42a5-4784-9b19-f49caff4d93d',
  'markitdown/test.xlsx': '6ff4173b-42a5-4784-9b19-f49caff4d93d',
  'markitdown/test_blog.html': 'We search for the optimal temperature in the range of [0, 1].',
  'markitdown/test_files.zip': /application\/zip/,
  'markitdown/test_llm.jpg': /image\/jpeg/,
  'markitdown/test_mskanji.csv': '三木英子',
  'markitdown/test_notebook.ipynb': 'comment in code',
  'markitdown/test_outlook_msg.msg': 'This is the body of the test email message',
  'markitdown/test_rss.xml': 'Holland America Line developed a virtual agent using Microsoft Copilot Studio',
  'markitdown/test_serp.html': 'In 2015, it was replaced by Microsoft Edge.',
  'markitdown/test_wikipedia.html': "ZeniMax Media became part of Microsoft's Xbox Game Studios division",
  'markitdown/test_with_comment.docx': 'how can we facilitate the development of LLM applications',
  'pdf/GeoTopo-komprimiert.pdf': 'ein topologischer Raum',
  'pdf/crazyones-pdfa.pdf': 'They push the human race forward.',
  'pdf/google-doc-document.pdf': 'There should be one-- and preferably only one --obvious way to do it.',
  'pdf/habibi-rotated.pdf': 'حَبيبي',
  'pdf/habibi.pdf': 'حَبيبي',
  'pdf/inline-image.pdf': 'Test',
  'pdf/libreoffice-form.pdf': 'Agree to privacy policy',
  'pdf/libreoffice-writer-password.pdf': /protected by a password/,
  'pdf/minimal-document.pdf': 'no sea takimata sanctus est Lorem ipsum dolor sit amet.',
  'pdf/multicolumn.pdf': 'Vestibulum diam. Aliquam pellentesque, augue quis sagittis posuere',
  'pdf/pdflatex-4-pages.pdf': 'some nonsense like “Huardest gefburn”',
  'pdf/pdflatex-image.pdf': 'no sea takimata sanctus est Lorem ipsum dolor sit amet.',
  'pdf/pdflatex-outline.pdf': 'the length of words should match the language',
  'pdf/with-attachment.pdf': 'no sea takimata sanctus est Lorem ipsum dolor sit amet.',
};

/** Line breaks and spaces count as one space. */
const flat = (text: string): string => text.replace(/\s+/g, ' ');

let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterAll(async () => host.stop());

(existsSync(FOLDER) ? it : it.skip)(
  'every real document is found by a sentence in it, or fails with the true reason',
  async () => {
    const folders = ['markitdown', 'pdf'];
    const names = await Promise.all(folders.map(async (folder) => readdir(join(FOLDER, folder))));
    const paths = folders.flatMap((folder, place) => (names[place] ?? []).map((name) => `${folder}/${name}`));
    expect(paths.sort()).toEqual(Object.keys(documents).sort());

    const { vectorStores, files } = host.openai();
    const store = await vectorStores.create({});
    const streams = paths.map((path) => createReadStream(join(FOLDER, path)));
    const batch = await vectorStores.fileBatches.uploadAndPoll(store.id, { files: streams }, { pollIntervalMs: 100 });
    const unreadable = Object.values(documents).filter((expected) => expected instanceof RegExp).length;
    expect(batch).toMatchObject({
      status: 'completed',
      file_counts: { total: paths.length, failed: unreadable, in_progress: 0, cancelled: 0 },
    });

    const reasons = new Map<string, string>();
    for await (const { id, last_error } of vectorStores.files.list(store.id, { filter: 'failed' })) {
      reasons.set((await files.retrieve(id)).filename, last_error?.message ?? '');
    }
    for (const [path, expected] of Object.entries(documents)) {
      const name = basename(path);
      if (expected instanceof RegExp) {
        expect([path, reasons.get(name)]).toEqual([path, expect.stringMatching(expected)]);
        continue;
      }
      const { data } = await vectorStores.search(store.id, { query: expected, max_num_results: 10 });
      const found = data.filter(({ filename }) => filename === name).flatMap(({ content }) => content);
      expect([path, flat(found.map(({ text }) => text).join(' '))]).toEqual([path, expect.stringContaining(expected)]);
    }
  },
  300_000,
);
