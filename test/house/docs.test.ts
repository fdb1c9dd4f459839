import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

/** What the pages for operators refer to is there: files, headings, commands. */

const root = join(import.meta.dirname, '../..');
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
const read = (page: string): string => readFileSync(join(root, page), 'utf8');
const withoutFences = (text: string): string => text.replaceAll(/^```.*?^```/gms, '');

/** As GitHub makes the address of a heading. */
const anchors = (page: string): readonly string[] =>
  [...withoutFences(read(page)).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  );

test('every link leads to a file and a heading that there is', () => {
  const broken = pages.flatMap((page) =>
    [...withoutFences(read(page)).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target]) => target!)
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => {
        const [file = '', anchor] = target.split('#');
        const path = file === '' ? page : relative(root, join(root, dirname(page), file));
        if (!existsSync(join(root, path))) return true;
        return anchor !== undefined && !anchors(path).includes(anchor);
      })
      .map((target) => `${page}: ${target}`),
  );
  expect(broken).toEqual([]);
  expect(pages.length).toBeGreaterThan(15);
});

test('every page of docs/ is named in the README', () => {
  const readme = read('README.md');
  expect(pages.filter((page) => page.startsWith('docs/') && !readme.includes(`(${page})`))).toEqual([]);
});

test('every command that a page names is one that there is', () => {
  const [, usage = ''] = /const usage = `(.+?)`;/s.exec(read('src/cli.ts')) ?? [];
  const known = new Set<string>();
  for (const [, noun, rest] of usage.matchAll(/^ {2}latchkey (\w+)(.*)$/gm)) {
    known.add(noun!);
    // "show ID | secret ID | delete ID": a verb first, and one behind each bar
    for (const part of rest!.split('|')) {
      const [verb] = part.trim().split(' ');
      if (verb) known.add(`${noun} ${verb}`);
    }
  }
  const nouns = [...known].filter((name) => !name.includes(' '));
  expect(nouns.length).toBeGreaterThan(8);
  const unknown = pages.flatMap((page) =>
    [...read(page).matchAll(/\blatchkey (\w+)(?: ([a-z][a-z-]*))?/g)]
      .filter(([whole]) => !/\.js$/.test(whole))
      .filter(([, noun, verb]) => noun !== undefined && nouns.includes(noun) && verb !== undefined)
      .filter(([, noun, verb]) => !known.has(`${noun} ${verb}`) && hasVerbs(noun!, known))
      .map(([whole]) => `${page}: ${whole}`),
  );
  expect(unknown).toEqual([]);
});

/** `serve` and `check` take none; what follows them is prose. */
function hasVerbs(noun: string, known: ReadonlySet<string>): boolean {
  return [...known].some((name) => new RegExp(`^${noun} [a-z-]+$`).test(name));
}
