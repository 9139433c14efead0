/** What is written on a page of a PDF beside its content: the values of form fields, and text that was typed over it. */
import { z } from 'zod';

const annotation = z.looseObject({
  subtype: z.string().optional(),
  hidden: z.boolean().optional(),
  /** `Tx` text, `Ch` choice, `Btn` buttons. */
  fieldType: z.string().nullish(),
  fieldValue: z.unknown().optional(),
  password: z.boolean().optional(),
  /** What a reader of the form is told of the field. */
  alternativeText: z.string().nullish(),
  contentsObj: z.looseObject({ str: z.string() }).optional(),
});

const values = z.union([z.string().transform((text) => [text]), z.array(z.string())]);

/** The texts of a page's annotations, as pdf.js gives them: of a field its description and value. Notes, links and buttons show no text on the page. */
export function annotationTexts(annotations: unknown[]): string[] {
  return annotations
    .map((given) => annotation.safeParse(given).data)
    .map((given) => (!given || given.hidden ? '' : shownText(given)))
    .filter((text) => text !== '');
}

function shownText(given: z.infer<typeof annotation>): string {
  if (given.subtype === 'FreeText') return given.contentsObj?.str.trim() ?? '';
  if (given.subtype !== 'Widget' || given.password || !['Tx', 'Ch'].includes(given.fieldType ?? '')) return '';
  const value = (values.safeParse(given.fieldValue).data ?? []).join(', ').trim();
  return value && given.alternativeText ? `${given.alternativeText}: ${value}` : value;
}
