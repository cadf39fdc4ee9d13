/** A page of which each section is written by a run of its own: `## title` and what is below it. */
export interface SectionedPage {
  readonly head: string;
  /** In the order of the page. */
  readonly titles: readonly string[];
}

/** The section of a page; undefined where it has none. Pure. */
export function sectionOf(text: string, title: string): string | undefined {
  return parts(text).find((part) => part.startsWith(`## ${title}\n`));
}

/** The page with another section in the place of its title. Pure. */
export function withSection(page: SectionedPage, text: string, title: string, section: string): string {
  const sections = page.titles.flatMap((each) => (each === title ? section : (sectionOf(text, each) ?? [])));
  return [page.head, ...sections].join('\n');
}

function parts(text: string): readonly string[] {
  return text.split(/^(?=## )/m).map((part) => `${part.trimEnd()}\n`);
}
