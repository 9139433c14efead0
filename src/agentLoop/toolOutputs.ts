/** What the server's tools brought, as the model is told, and as its citations and links refer to it. Pure. */
import { markerOf } from './citations';
import type { FoundPassage } from './ports';

/** A stored file that code wrote. */
export interface WrittenFile {
  fileId: string;
  /** Absolute, below `/mnt/data`. */
  path: string;
}

/** The passages of search number `search` (from 0), each by the marker that the model copies. */
export const withMarkers = (passages: FoundPassage[], search: number): [marker: string, FoundPassage][] =>
  passages.map((passage, index) => [markerOf(search, index, passage.filename), passage]);

/** What the model is told of a search. */
export const searchOutput = (found: [marker: string, FoundPassage][]): string =>
  JSON.stringify({ results: found.map(([marker, { filename, score, text }]) => ({ marker, filename, score, text })) });

/** What the model is told of code that ran. `imageIds` are those of the files that are images, which the user sees by themselves. */
export function codeOutput({
  logs,
  imageIds,
  files,
}: {
  logs: string[];
  imageIds: string[];
  files: WrittenFile[];
}): string {
  const images = new Set(imageIds);
  const written = files.filter(({ fileId }) => !images.has(fileId)).map(({ path }) => linkOf(path));
  return [
    ...logs,
    ...(images.size > 0 ? [`Images that the user is shown with your next message: ${images.size}`] : []),
    ...(written.length > 0 ? [`Files written: ${written.join(', ')}`] : []),
    ...(logs.length === 0 && images.size === 0 && written.length === 0 ? ['The code printed nothing.'] : []),
  ].join('\n');
}

/** How the model links a file that code wrote. */
const linkOf = (path: string): string => `sandbox:${path}`;

/** Adds the links of the files, as they are and as URLs have them; the newest file of a path counts, and its own name before the encoded one of another. */
export function addLinks(links: Map<string, string>, files: WrittenFile[]): void {
  for (const { path, fileId } of files) {
    const link = linkOf(path);
    const older = links.get(link);
    links.set(link, fileId);
    for (const form of encodedForms(path)) {
      const known = links.get(form);
      if (known === undefined || known === older) links.set(form, fileId);
    }
  }
}

/** Models encode as much of a path as they think that a link needs. */
const encodedForms = (path: string): string[] => [
  linkOf(path).replaceAll(' ', '%20'),
  encodeURI(linkOf(path)),
  linkOf(path.split('/').map(encodeURIComponent).join('/')),
];

/** The path that a link names, or that a file without one has: of the link's forms the one that ends in the file's name. */
export function linkedPath(link: string | undefined, filename: string): string {
  if (link === undefined) return `/mnt/data/${filename}`;
  const path = link.slice(linkOf('').length);
  const isNamed = (form: string): boolean => form.endsWith(`/${filename}`);
  const whole = decoded(path);
  return !isNamed(path) && isNamed(whole) ? whole : path;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    // A percent sign of the name itself.
    if (error instanceof URIError) return path;
    throw error;
  }
}
