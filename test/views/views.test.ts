import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { h } from 'preact';
import { href } from '../../views/href.ts';
import { messages } from '../../views/messages.ts';
import { renderPage } from '../../views/render.ts';
import { Verify } from '../../views/sign-in/verify.tsx';
import { gallery, layout } from '../support/gallery.ts';

/** Values that are one of a few of our own words, or made by the library: nothing a person could have written. */
const fixedKeys = new Set([
  'by',
  'mayAdd',
  'methods',
  'others',
  'chosen',
  'carrying',
  'demanded',
  'error',
  'notice',
  'kind',
  'formHtml',
  'dir',
  'method',
  'proofs',
  'for',
]);
const nasty = `<script>alert(1)</script>"'><b onclick=alert(2)>`;

const hasHook = (html: string, id: string): boolean => new RegExp(`\\s(id|name)="${id}"`).test(html);

describe.each(gallery.map((exhibit) => [exhibit.name, exhibit] as const))('%s', (_name, exhibit) => {
  const html = renderPage(exhibit.render());

  it('is a whole document with its step, its hooks and one heading', () => {
    expect(html).toMatch(/^<!doctype html><html lang="en" dir="ltr"><head><meta charset="utf-8"\/?>/);
    expect(html.match(/<main\b/g)).toHaveLength(1);
    expect(html).toContain(`<main data-step="${exhibit.step}">`);
    expect(html.match(/<h1\b/g)).toHaveLength(1);
    expect(html).toMatch(/<title>[^<]+ – Latchkey<\/title>/);
    for (const hook of exhibit.hooks) expect(hasHook(html, hook), `#${hook}`).toBe(true);
  });

  it('uses no id twice, and every reference to an id finds one', () => {
    const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
    expect(ids).toEqual([...new Set(ids)]);
    const references = [...html.matchAll(/\s(?:for|form|aria-describedby|aria-labelledby|aria-controls)="([^"]+)"/g)];
    for (const id of references.flatMap(([, list]) => list!.split(' '))) expect(ids).toContain(id);
    for (const [, id] of html.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(id);
  });

  it('holds no style, script or handler of its own, which the policy would refuse', () => {
    expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=|javascript:/i);
    for (const [tag] of html.matchAll(/<script\b[^>]*>/g))
      expect(tag).toMatch(/^<script src="\/assets\/[^"]+" defer>$/);
    expect(html).not.toMatch(/<script\b[^>]*>[^<]/);
  });

  it('guards every form with the token, the library’s own apart', () => {
    for (const [form] of html.matchAll(/<form\b.*?<\/form>/gs)) {
      expect(form).toMatch(/^<form[^>]* method="post"|^<form method="post"/);
      expect(form).toMatch(/<input type="hidden" name="(csrf|xsrf)" value="[^"]+"/);
    }
  });

  it('says "Error: " first in its title exactly when it shows a mistake', () => {
    expect(html.includes(`<title>${messages.errorPrefix}`)).toBe(html.includes('id="error-summary"'));
  });

  it('leaves no place in a sentence unfilled', () => {
    expect(html.replace(/data-(?:clock|reference)="[^"]*"/g, '')).not.toMatch(/\{\w+\}/);
  });

  it('escapes whatever stands in its props', () => {
    const attacked = renderPage(
      exhibit.render((text, key) => (fixedKeys.has(key) ? text : text.startsWith('/') ? `/${nasty}` : text + nasty)),
    );
    expect(attacked).not.toContain('<script>alert');
    expect(attacked).not.toContain('<b onclick');
    expect(attacked).not.toMatch(/="[^"]*<script>/);
  });
});

describe('the second page', () => {
  const page = (userName: string, error?: 'refused') =>
    renderPage(
      h(Verify, {
        layout,
        base: '/sign-in/x',
        csrf: 't',
        appName: 'Payroll',
        userName,
        methods: ['passkey', 'temporary-access-pass'],
        chosen: 'temporary-access-pass',
        error,
      }),
    );

  it('is the same for everybody but for the name', () => {
    expect(page('nobody@example.com')).toBe(page('joiner@example.com').replaceAll('joiner@', 'nobody@'));
  });

  it('has one sentence for every refused code, and always says what five wrong tries cost', () => {
    expect(page('a', 'refused')).toContain('That did not work. Check it, or ask for a new one.');
    for (const html of [page('a'), page('a', 'refused')])
      expect(html).toContain(messages.methods['temporary-access-pass'].tries);
  });

  it('takes a code in one field that cuts nothing and is kept by no password manager', () => {
    const [field] = page('a').match(/<input[^>]*name="code"[^>]*>/)!;
    expect(field).toContain('autocomplete="one-time-code"');
    expect(field).toContain('type="text"');
    expect(field).not.toContain('maxlength');
  });
});

describe('href', () => {
  it.each(['/security-info', '/sign-in/a?b=c#d', '#code', 'https://app.example/x', 'http://localhost:4000/cb'])(
    'lets %s through',
    (target) => expect(href(target)).toBe(target),
  );

  it.each([
    'javascript:alert(1)',
    'JavaScript:alert(1)',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    '\u0001javascript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'blob:https://a.example/x',
    'com.example.app:/callback',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    'evil.example',
    '',
  ])('refuses %j', (target) => expect(() => href(target)).toThrow(TypeError));
});

describe.each(['passkey.js', 'pass.js', 'continue.js', 'wait.js'])('%s', (name) => {
  const script = readFileSync(new URL(`../../src/http/assets/${name}`, import.meta.url), 'utf8');

  it('is a classic script in a language that browsers without passkeys understand', () => {
    expect(script).not.toMatch(/^\s*(import|export)\b/m);
    expect(script).not.toMatch(/\?\.|\?\?|\.\.\.\w|\bcatch \{|\bstatic\b|#\w+ =/);
  });

  it('finds every attribute it reads on a page of the gallery', () => {
    const pages = gallery.map(({ render }) => renderPage(render())).join('');
    const read = [...script.matchAll(/\.dataset\.(\w+)|\btext\.(\w+)/g)].map(([, a, b]) => a ?? b!);
    const attributes = read
      .filter((name) => name !== 'tone')
      .map((name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
    for (const attribute of attributes) expect(pages).toContain(` data-${attribute}="`);
  });
});
