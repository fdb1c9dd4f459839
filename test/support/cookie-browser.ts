/**
 * A browser without script: cookies, redirects, refresh pages, links and forms, and the headers Chromium 156 was seen to
 * send with each. It does what a person can do (it fills no hidden field and clicks no hidden button) unless a test says
 * `override`. It speaks node:http, since Node's fetch writes its own Sec-Fetch-Mode and does not know *.localhost.
 */
import { lookup } from 'node:dns';
import * as http from 'node:http';
import * as https from 'node:https';

export interface BrowserOptions {
  /** Where a relying party lives: an address that starts like this is not fetched but handed to the test. */
  readonly stopAt?: string | readonly string[];
  readonly acceptLanguage?: string;
  readonly userAgent?: string;
  /** A certificate authority to trust for https, in PEM. */
  readonly ca?: string;
  /** The clock by which cookies expire. */
  readonly now?: () => Date;
}

export interface Visit {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Where the answer led, absolute. */
  readonly location?: string;
}

export interface NavigationOptions {
  /** The page that leads here, for Sec-Fetch-Site, Referer and SameSite; by default a person typed the address. */
  readonly from?: string;
  /** In addition to the browser's own. */
  readonly stopAt?: string;
}

/** What a person enters; true and false tick a box, a list chooses several, a File is uploaded. */
export type Fields = Readonly<Record<string, string | boolean | readonly string[] | File>>;

export interface Submission {
  /** The name of a field in the form, or the id of its button or of itself; may be left out on a page with one form. */
  readonly formWith?: string;
  /** The id of the button clicked; null for none, as when a script submits. Otherwise the form's first, as with the Enter key. */
  readonly button?: string | null;
  readonly fields?: Fields;
  /** What the page's script would put into the form, or an attacker: replaces, adds, or (null) removes. No field is checked then. */
  readonly override?: Readonly<Record<string, string | null>>;
  /** The page that posts it, when it is not this one: a forged request. */
  readonly from?: string;
}

export interface ScriptRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** The page whose script asks, by default the one the browser is at. */
  readonly from?: string;
  /** `manual` leaves a redirect to the test. */
  readonly redirect?: 'follow' | 'manual';
}

export interface Answer {
  readonly url: string;
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  json<T = Record<string, unknown>>(): T;
}

export interface CookieBrowser {
  readonly cookies: CookieJar;
  /** Where the browser is; throws before the first visit. */
  readonly page: Page;
  /** Every request, redirects and script requests included. */
  readonly history: readonly Visit[];
  /** The history in lines, for messages. */
  trail(): string;
  /** Goes to an address and on, through redirects and refresh pages, until the page comes to rest. */
  visit(url: string | URL, options?: NavigationOptions): Promise<Page>;
  reload(): Promise<Page>;
  /** Follows the link, or submits by the button, with that id or those words. */
  click(idOrWords: string, fields?: Fields): Promise<Page>;
  submit(submission?: Submission): Promise<Page>;
  /** What a script of the page can ask of its own origin; stays on the page. */
  request(url: string | URL, asked?: ScriptRequest): Promise<Answer>;
  /** A JSON POST by a script of the page, with the page's token as `x-csrf`. */
  postJson(url: string | URL, body: unknown, asked?: Omit<ScriptRequest, 'body' | 'method'>): Promise<Answer>;
}

export interface Page {
  readonly url: string;
  /** 0 where a relying party's address was not fetched. */
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly html: string;
  /** `main[data-step]`, or null. */
  readonly step: string | null;
  readonly title: string;
  /** What a person can read, white space collapsed. */
  readonly text: string;
  /** `meta[name=csrf]`, `[data-csrf]` or a field named `csrf` or `_csrf`, in this order. */
  readonly csrf: string | null;
  /** A refresh that the browser did not follow, since it asks to wait. */
  readonly refresh: { readonly seconds: number; readonly url: string } | null;
  readonly forms: readonly Form[];
  /** Whether the browser was sent to a relying party. */
  readonly isCallback: boolean;
  /** That address; throws, saying where the browser is instead, when it was not. */
  readonly callback: URL;
  /** By a field's name, a button's id, the form's own id or its action's path; the only one when nothing is said. */
  form(which?: string): Form;
  /** Selectors of tags, ids, classes and attributes, with descendants and commas. */
  find(selector: string): HtmlElement | null;
  findAll(selector: string): readonly HtmlElement[];
}

export interface Form {
  readonly id: string | null;
  /** Absolute. */
  readonly action: string;
  readonly method: 'get' | 'post';
  readonly enctype: string;
  /** What would be sent as it stands, hidden fields included. */
  readonly fields: Readonly<Record<string, string>>;
  readonly buttons: readonly HtmlElement[];
  readonly element: HtmlElement;
  readonly controls: readonly HtmlElement[];
}

export interface HtmlElement {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly parent: HtmlElement | null;
  readonly children: readonly (HtmlElement | string)[];
  /** What a person can read in it, white space collapsed. */
  readonly text: string;
}

export interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly host: string;
  /** False with a Domain attribute: sent to hosts below as well. */
  readonly hostOnly: boolean;
  readonly path: string;
  /** Null for a cookie that ends with the browser. */
  readonly expiresAt: Date | null;
  readonly httpOnly: boolean;
  readonly secure: boolean;
  readonly sameSite: 'Strict' | 'Lax' | 'None';
}

export interface CookieJar {
  readonly all: readonly Cookie[];
  /** What a browser would not keep, with its reason; it says nothing of it to anybody else. */
  readonly refused: readonly string[];
  get(name: string): Cookie | undefined;
  store(url: URL, setCookieHeaders: readonly string[]): void;
  /** The Cookie header for a request, or an empty string. */
  header(
    url: URL,
    request: { readonly method: string; readonly initiator: Initiator | null; readonly topLevel: boolean },
  ): string;
  /** Puts a cookie in by hand: one that was stolen, or fixed by an attacker. */
  put(cookie: Cookie): void;
  remove(name: string): void;
  /** The browser is closed and opened again: what has no expiry is gone. */
  restart(): void;
}

const maximumHops = 20;
const requestTimeoutMs = 30_000;

export function newBrowser(options: BrowserOptions = {}): CookieBrowser {
  const cookies = newCookieJar(options.now);
  const history: Visit[] = [];
  const stops = [options.stopAt ?? []].flat();
  let current: Page | undefined;

  const trail = (): string =>
    history
      .map(({ method, status, url, location }) => `${method} ${url} ${status}${location ? ` → ${location}` : ''}`)
      .join('\n');

  /** One request on the wire, its cookies taken and kept. */
  async function exchange(outgoing: Outgoing): Promise<Answer> {
    const { url } = outgoing;
    const headers: Record<string, string> = {
      'user-agent': options.userAgent ?? 'Mozilla/5.0 (X11; Linux x86_64) latchkey-cookie-browser',
      'accept-language': options.acceptLanguage ?? 'en-US,en;q=0.9',
      ...outgoing.headers,
    };
    const cookie = cookies.header(url, outgoing);
    if (cookie) headers.cookie = cookie;
    const answer = await send(url, outgoing.method, headers, outgoing.body, options.ca);
    cookies.store(url, answer.headers['set-cookie'] ?? []);
    const { location } = answer.headers;
    const led = location === undefined ? {} : { location: new URL(location, url).href };
    history.push({ method: outgoing.method, url: url.href, status: answer.status, headers: answer.headers, ...led });
    return answer;
  }

  /** A top-level navigation: goes on until the page comes to rest or a relying party's address is reached. */
  async function navigate(start: Navigation): Promise<Page> {
    let next = start;
    for (let hop = 0; hop < maximumHops; hop += 1) {
      const { url, method, body, contentType, initiator, byPerson, chain } = next;
      const isStop = [...stops, ...(start.stopAt ?? [])].some((stop) => url.href.startsWith(stop));
      // Another scheme is a native application's (RFC 8252 section 7.1): the browser hands the address over.
      if (isStop || !['http:', 'https:'].includes(url.protocol)) return arrive(readPage(null, url, trail));

      const answer = await exchange({
        url,
        method,
        initiator,
        topLevel: true,
        ...(body === undefined ? {} : { body }),
        headers: {
          accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
          'upgrade-insecure-requests': '1',
          ...(contentType === undefined ? {} : { 'content-type': contentType }),
          ...originHeaders(method, [...chain, url], initiator, 'navigate'),
          ...fetchMetadata([...chain, url], initiator, 'navigate', 'document', byPerson),
        },
      });

      const location = answer.headers.location;
      if (location !== undefined && [301, 302, 303, 307, 308].includes(answer.status)) {
        const keepsMethod = answer.status === 307 || answer.status === 308;
        const request = keepsMethod ? { method, body, contentType } : { method: 'GET' };
        const target = inheritFragment(new URL(location, url), url);
        next = { ...request, url: target, initiator, byPerson, chain: [...chain, url] };
        continue;
      }
      const page = readPage(answer, url, trail);
      if (page.refresh?.seconds !== 0) return arrive(page);
      next = {
        url: new URL(page.refresh.url),
        method: 'GET',
        initiator: initiatorOf(page),
        byPerson: false,
        chain: [],
      };
    }
    throw new Error(`The page did not come to rest in ${maximumHops} hops:\n${trail()}`);
  }

  function arrive(page: Page): Page {
    current = page;
    return page;
  }

  function here(): Page {
    if (!current) throw new Error('The browser has not visited anything yet.');
    return current;
  }

  const follow = (url: URL, initiator: Initiator | null, stopAt: readonly string[] = []): Promise<Page> =>
    navigate({ url, method: 'GET', initiator, byPerson: true, chain: [], stopAt });

  async function submitBy(form: Form, button: HtmlElement | null, submission: Submission): Promise<Page> {
    const page = here();
    const attribute = (name: string): string =>
      button?.attributes[`form${name}`] ?? form.element.attributes[name] ?? '';
    const entries = entriesOf(form, button, submission);
    const action = new URL(button?.attributes.formaction ?? form.action, page.url);
    const initiator = submission.from === undefined ? initiatorOf(page) : initiatorAt(submission.from);
    if (attribute('method').toLowerCase() !== 'post') {
      action.search = encodeText(entries);
      return follow(action, initiator);
    }
    const encoded = await encodeForm(entries, attribute('enctype'));
    return navigate({ url: action, method: 'POST', ...encoded, initiator, byPerson: true, chain: [] });
  }

  async function request(url: string | URL, asked: ScriptRequest = {}): Promise<Answer> {
    const initiator = asked.from === undefined ? initiatorOf(here()) : initiatorAt(asked.from);
    let target = new URL(url, initiator.url);
    let { method = 'GET', body } = asked;
    const chain: URL[] = [];
    for (let hop = 0; hop < maximumHops; hop += 1) {
      const answer = await exchange({
        url: target,
        method,
        initiator,
        topLevel: false,
        ...(body === undefined ? {} : { body }),
        headers: {
          accept: '*/*',
          ...originHeaders(method, [...chain, target], initiator, 'cors'),
          ...fetchMetadata([...chain, target], initiator, 'cors', 'empty', false),
          ...asked.headers,
        },
      });
      const { location } = answer.headers;
      if (asked.redirect === 'manual' || location === undefined || answer.status < 301 || answer.status > 308)
        return answer;
      chain.push(target);
      target = new URL(location, target);
      if (answer.status < 307) {
        method = 'GET';
        body = undefined;
      }
    }
    throw new Error(`The request did not come to rest in ${maximumHops} hops:\n${trail()}`);
  }

  return {
    cookies,
    history,
    trail,
    get page() {
      return here();
    },
    visit: (url, { from, stopAt } = {}) =>
      follow(
        new URL(url, current?.url),
        from === undefined ? null : initiatorAt(from),
        stopAt === undefined ? [] : [stopAt],
      ),
    reload: () => follow(new URL(here().url), null),
    async click(idOrWords, fields = {}) {
      const page = here();
      const found = clickable(page, idOrWords);
      if (found.tag === 'a') return follow(new URL(found.attributes.href ?? '', page.url), initiatorOf(page));
      const form = page.forms.find(({ buttons }) => buttons.includes(found));
      if (!form) throw new Error(`"${idOrWords}" is in no form and does nothing without script. ${whereItIs(page)}`);
      return submitBy(form, found, { fields });
    },
    async submit(submission = {}) {
      const page = here();
      const form = page.form(submission.formWith ?? submission.button ?? undefined);
      return submitBy(form, submitterOf(page, form, submission), submission);
    },
    request,
    postJson(url, body, asked = {}) {
      const token = here().csrf;
      const headers = {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(token === null ? {} : { 'x-csrf': token }),
        ...asked.headers,
      };
      return request(url, { ...asked, method: 'POST', headers, body: JSON.stringify(body) });
    },
  };
}

// Who asks, and what a browser says about it

export interface Initiator {
  readonly url: URL;
  readonly referrerPolicy: string;
}

interface Navigation {
  readonly url: URL;
  readonly method: string;
  readonly body?: string | Buffer | undefined;
  readonly contentType?: string | undefined;
  /** Null when a person typed the address. */
  readonly initiator: Initiator | null;
  readonly byPerson: boolean;
  /** The addresses that redirected here. */
  readonly chain: readonly URL[];
  readonly stopAt?: readonly string[];
}

interface Outgoing {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly initiator: Initiator | null;
  readonly topLevel: boolean;
}

const initiatorAt = (url: string): Initiator => ({ url: new URL(url), referrerPolicy: '' });

function initiatorOf(page: Page): Initiator {
  const inPage = page.find('meta[name=referrer]')?.attributes.content;
  const policy = inPage ?? page.headers['referrer-policy'] ?? '';
  return { url: new URL(page.url), referrerPolicy: String(policy).split(',').at(-1)!.trim().toLowerCase() };
}

/** RFC 6265bis 5.2 and Fetch Metadata: scheme and registrable domain, here taken as the last two labels; not the port. */
function isSameSite(one: URL, other: URL): boolean {
  const siteOf = ({ protocol, hostname }: URL): string =>
    `${protocol}//${/^[\d.]+$|^\[/.test(hostname) ? hostname : hostname.split('.').slice(-2).join('.')}`;
  return siteOf(one) === siteOf(other);
}

/** The worst relation of the initiator to any address in the chain of redirects. */
function fetchMetadata(
  chain: readonly URL[],
  initiator: Initiator | null,
  mode: string,
  destination: string,
  byPerson: boolean,
): Record<string, string> {
  if (!chain.every(isTrustworthy)) return {};
  const relationOf = (url: URL): string => {
    if (!initiator) return 'none';
    if (url.origin === initiator.url.origin) return 'same-origin';
    return isSameSite(url, initiator.url) ? 'same-site' : 'cross-site';
  };
  const relations = chain.map(relationOf);
  const site = ['cross-site', 'same-site', 'same-origin', 'none'].find((relation) => relations.includes(relation));
  return {
    'sec-fetch-site': site as string,
    'sec-fetch-mode': mode,
    ...(byPerson ? { 'sec-fetch-user': '?1' } : {}),
    'sec-fetch-dest': destination,
  };
}

/**
 * Fetch, "append a request Origin header", and the Referer of the policy. Under `no-referrer` a form posts
 * `Origin: null` even to its own origin, while a script's fetch says the truth: both as measured in Chromium.
 */
function originHeaders(
  method: string,
  chain: readonly URL[],
  initiator: Initiator | null,
  mode: 'navigate' | 'cors',
): Record<string, string> {
  if (!initiator) return {};
  // What one hop to another origin took from the Referer does not come back with a later one.
  const sameOrigin = chain.every(({ origin }) => origin === initiator.url.origin);
  const policy = initiator.referrerPolicy;
  const downgrade = initiator.url.protocol === 'https:' && chain.some(({ protocol }) => protocol === 'http:');
  const silent =
    policy === 'no-referrer' || (policy === 'same-origin' && !sameOrigin) || (downgrade && policy !== 'unsafe-url');
  const withPath = policy === 'unsafe-url' || (sameOrigin && policy !== 'origin' && policy !== 'strict-origin');
  const { origin, pathname, search } = initiator.url;
  const referer = silent ? {} : { referer: withPath ? origin + pathname + search : `${origin}/` };
  if (method === 'GET' || method === 'HEAD') return mode === 'cors' && !sameOrigin ? { ...referer, origin } : referer;
  return { ...referer, origin: mode === 'navigate' && silent ? 'null' : origin };
}

/** RFC 9110 10.2.2: a redirect without a fragment inherits the one that led to it. */
function inheritFragment(target: URL, from: URL): URL {
  if (!target.hash) target.hash = from.hash;
  return target;
}

function isTrustworthy({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || isLocal(hostname) || ['127.0.0.1', '[::1]'].includes(hostname);
}

const isLocal = (hostname: string): boolean => hostname === 'localhost' || hostname.endsWith('.localhost');

function send(
  url: URL,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: string | Buffer | undefined,
  ca: string | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(new Error(`${method} ${url.href} got no answer: ${cause.message}`, { cause }));
    const request = (url.protocol === 'https:' ? https : http).request(url, {
      method,
      headers: { ...headers, ...(method === 'GET' ? {} : { 'content-length': Buffer.byteLength(body ?? '') }) },
      agent: false, // a connection each: no stale ones after a server is killed and started again
      // As browsers do: every name under localhost is this machine (RFC 6761 section 6.3).
      lookup: (name, options, done) => lookup(isLocal(name) ? 'localhost' : name, options, done),
      ...(ca === undefined ? {} : { ca }),
      signal: AbortSignal.timeout(requestTimeoutMs),
    });
    request.on('error', fail);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const text = bytes.toString('utf8');
        resolve({
          url: url.href,
          status: response.statusCode ?? 0,
          headers: response.headers,
          bytes,
          text,
          json: () => JSON.parse(text),
        });
      });
    });
    request.end(body);
  });
}

// Pages and forms

/** A null answer: the address is a relying party's and was not fetched. */
function readPage(answer: Answer | null, url: URL, trail: () => string): Page {
  const isHtml = /^(text\/html|application\/xhtml)/.test(answer?.headers['content-type'] ?? '');
  const html = answer?.text ?? '';
  const root = parseHtml(isHtml ? html : '');
  const find = (selector: string): HtmlElement | null => findAll(root, selector)[0] ?? null;
  const base = new URL(find('base[href]')?.attributes.href ?? '', url);
  const forms = findAll(root, 'form').map((form) => readForm(root, form, url, base));
  const page: Page = {
    url: url.href,
    status: answer?.status ?? 0,
    headers: answer?.headers ?? {},
    html,
    step: find('main[data-step]')?.attributes['data-step'] ?? null,
    title: find('title')?.text ?? '',
    text: isHtml ? root.text : html,
    csrf:
      find('meta[name=csrf]')?.attributes.content ??
      find('[data-csrf]')?.attributes['data-csrf'] ??
      find('input[name=csrf], input[name=_csrf]')?.attributes.value ??
      null,
    refresh: refreshOf(root, url, base),
    forms,
    isCallback: answer === null,
    get callback(): URL {
      if (answer === null) return url;
      throw new Error(`The browser was not sent back to a relying party. ${whereItIs(page)}\n${trail()}`);
    },
    form(which) {
      const fitting = which === undefined ? forms : forms.filter((form) => isForm(form, which));
      // An id can be meant for a form or its button, a name can be in several: the first, unless nothing was said.
      const found = which === undefined && fitting.length > 1 ? undefined : fitting[0];
      if (!found)
        throw new Error(`There is not one form${which === undefined ? '' : ` with "${which}"`}. ${whereItIs(page)}`);
      return found;
    },
    find,
    findAll: (selector) => findAll(root, selector),
  };
  return page;
}

function whereItIs(page: Page): string {
  return `It is at ${page.url} (${page.status}), step ${page.step}, and reads: ${page.text.slice(0, 500)}`;
}

function refreshOf(root: HtmlElement, url: URL, base: URL): Page['refresh'] {
  const meta = findAll(root, 'meta').find(({ attributes }) => attributes['http-equiv']?.toLowerCase() === 'refresh');
  const said = meta?.attributes.content?.match(/^\s*(\d+)[\d.]*\s*(?:[;,]?\s*(?:url\s*=\s*)?["']?([^"']*))?/i);
  if (!said) return null;
  const target = said[2]?.trim();
  return { seconds: Number(said[1]), url: target ? new URL(target, base).href : url.href };
}

function readForm(root: HtmlElement, element: HtmlElement, url: URL, base: URL): Form {
  const id = element.attributes.id ?? null;
  const controls = findAll(root, 'input, select, textarea, button').filter((control) => {
    const owner = control.attributes.form;
    return owner === undefined ? ancestorsOf(control).includes(element) : owner === id;
  });
  const { action, method, enctype } = element.attributes;
  const form: Form = {
    id,
    action: new URL(action || url, base).href,
    method: method?.toLowerCase() === 'post' ? 'post' : 'get',
    enctype: enctype ?? 'application/x-www-form-urlencoded',
    get fields() {
      return Object.fromEntries(asText(entriesOf(form, null, { override: {} })));
    },
    buttons: controls.filter(isSubmitButton),
    element,
    controls,
  };
  return form;
}

function isForm(form: Form, which: string): boolean {
  return (
    form.id === which ||
    new URL(form.action).pathname === which ||
    form.controls.some(({ attributes }) => attributes.id === which || attributes.name === which)
  );
}

function submitterOf(page: Page, form: Form, { formWith, button }: Submission): HtmlElement | null {
  if (button === null) return null;
  const named = form.buttons.find(({ attributes }) => attributes.id === (button ?? formWith));
  if (named) return usable(page, named);
  if (button !== undefined) throw new Error(`The form has no button "${button}". ${whereItIs(page)}`);
  return form.buttons[0] ?? null; // HTML 4.10.21.2: the Enter key takes the first, seen or not
}

function clickable(page: Page, idOrWords: string): HtmlElement {
  const candidates = page.findAll('a[href], button, input[type=submit], input[type=image]');
  const byId = candidates.filter(({ attributes }) => attributes.id === idOrWords);
  const byWords = candidates.filter(
    (element) => (element.attributes.value ?? element.text) === idOrWords || element.text === idOrWords,
  );
  const found = byId.length > 0 ? byId : byWords;
  if (found.length !== 1) throw new Error(`${found.length} links or buttons are "${idOrWords}". ${whereItIs(page)}`);
  return usable(page, found[0]!);
}

function usable(page: Page, element: HtmlElement): HtmlElement {
  const why = isHidden(element) ? 'hidden' : isDisabled(element) ? 'disabled' : null;
  if (why === null) return element;
  const { id, name } = element.attributes;
  throw new Error(`"${id ?? name ?? element.text}" is ${why} without script. ${whereItIs(page)}`);
}

const typeOf = ({ tag, attributes }: HtmlElement): string =>
  tag === 'input'
    ? (attributes.type ?? 'text').toLowerCase()
    : tag === 'button'
      ? (attributes.type ?? 'submit').toLowerCase()
      : tag;

const isSubmitButton = (control: HtmlElement): boolean => ['submit', 'image'].includes(typeOf(control));
const isButton = (control: HtmlElement): boolean =>
  isSubmitButton(control) || ['reset', 'button'].includes(typeOf(control));

function isDisabled(control: HtmlElement): boolean {
  return (
    'disabled' in control.attributes ||
    ancestorsOf(control).some(({ tag, attributes }) => tag === 'fieldset' && 'disabled' in attributes)
  );
}

function isHidden(element: HtmlElement): boolean {
  return [element, ...ancestorsOf(element)].some(
    ({ tag, attributes }) => 'hidden' in attributes || (tag === 'dialog' && !('open' in attributes)),
  );
}

function isFillable(control: HtmlElement): boolean {
  const fixed = isButton(control) || typeOf(control) === 'hidden' || 'readonly' in control.attributes;
  return !fixed && !isDisabled(control) && !isHidden(control);
}

type Entry = readonly [name: string, value: string | File];

/** HTML 4.10.21.4, "constructing the entry list". */
function entriesOf(form: Form, button: HtmlElement | null, { fields = {}, override }: Submission): readonly Entry[] {
  const fillable = form.controls.filter(isFillable).map(({ attributes }) => attributes.name);
  for (const name of Object.keys(fields)) {
    if (fillable.includes(name)) continue;
    throw new Error(`A person cannot fill "${name}" in this form; what can be filled: ${fillable.join(', ')}.`);
  }
  const entries = form.controls.flatMap((control): readonly Entry[] => {
    const { name } = control.attributes;
    if (isDisabled(control) || (isButton(control) && control !== button) || !name || typeOf(control) === 'image')
      return [];
    return valuesOf(control, isFillable(control) ? fields[name] : undefined).map((value) => [name, value] as const);
  });
  if (override) return overridden(entries, override);
  const checks = !('novalidate' in form.element.attributes) && !(button && 'formnovalidate' in button.attributes);
  if (checks) for (const control of form.controls.filter(isFillable)) refuseInvalid(control, entries);
  return entries;
}

function valuesOf(control: HtmlElement, entered: Fields[string] | undefined): readonly (string | File)[] {
  const { attributes } = control;
  switch (typeOf(control)) {
    case 'checkbox':
    case 'radio': {
      const value = attributes.value ?? 'on';
      const checked =
        entered === undefined ? 'checked' in attributes : entered === true || chosen(entered).includes(value);
      return checked ? [value] : [];
    }
    case 'select': {
      const options = findAll(control, 'option');
      const worthOf = (option: HtmlElement): string => option.attributes.value ?? option.text;
      const offered = options.filter((option) => !isDisabled(option)).map(worthOf);
      if (entered !== undefined) {
        const wrong = chosen(entered).filter((value) => !offered.includes(value));
        if (wrong.length > 0)
          throw new Error(`"${attributes.name}" does not offer "${wrong}", only: ${offered.join(', ')}.`);
        return chosen(entered);
      }
      const selected = options.filter((option) => 'selected' in option.attributes).map(worthOf);
      if ('multiple' in attributes) return selected;
      return (selected.length > 0 ? selected : offered).slice(0, 1);
    }
    case 'file':
      return [entered instanceof File ? entered : new File([], '')];
    case 'textarea': {
      const text = typeof entered === 'string' ? entered : control.children.join('').replace(/^\r?\n/, '');
      return [text.replaceAll(/\r\n?|\n/g, '\r\n')];
    }
    default: {
      const text = typeof entered === 'string' ? entered : (attributes.value ?? '');
      return [text.replaceAll(/[\r\n]/g, '')];
    }
  }
}

function chosen(entered: Fields[string]): readonly string[] {
  if (typeof entered === 'string') return [entered];
  return Array.isArray(entered) ? entered : [];
}

/** What a browser holds back by itself: `required` and `pattern`. */
function refuseInvalid(control: HtmlElement, entries: readonly Entry[]): void {
  const { name, pattern } = control.attributes;
  const values = entries
    .filter(([entry]) => entry === name)
    .map(([, value]) => (typeof value === 'string' ? value : value.name));
  const empty = values.every((value) => value === '');
  const fits = !pattern || empty || values.every((value) => new RegExp(`^(?:${pattern})$`, 'v').test(value));
  if (fits && !('required' in control.attributes && empty)) return;
  throw new Error(
    `A browser would not submit "${name}" ${empty ? 'empty' : `with "${values}"`}; \`override\` posts it all the same.`,
  );
}

function overridden(entries: readonly Entry[], override: Readonly<Record<string, string | null>>): readonly Entry[] {
  const kept = entries.filter(([name]) => !(name in override));
  const added = Object.entries(override).filter((entry): entry is [string, string] => entry[1] !== null);
  return [...kept, ...added];
}

const asText = (entries: readonly Entry[]): [string, string][] =>
  entries.map(([name, value]) => [name, typeof value === 'string' ? value : value.name]);

const encodeText = (entries: readonly Entry[]): string => new URLSearchParams(asText(entries)).toString();

async function encodeForm(
  entries: readonly Entry[],
  enctype: string,
): Promise<{ body: string | Buffer; contentType: string }> {
  if (enctype.toLowerCase() !== 'multipart/form-data') {
    return { body: encodeText(entries), contentType: 'application/x-www-form-urlencoded' };
  }
  const data = new FormData();
  for (const [name, value] of entries) data.append(name, value);
  const encoded = new Response(data);
  return { body: Buffer.from(await encoded.arrayBuffer()), contentType: encoded.headers.get('content-type') ?? '' };
}

// Cookies (RFC 6265bis, with what Chromium does on localhost)

function newCookieJar(now: () => Date = () => new Date()): CookieJar {
  let kept: readonly Cookie[] = [];
  const refused: string[] = [];
  const live = (): readonly Cookie[] => {
    kept = kept.filter(({ expiresAt }) => expiresAt === null || expiresAt > now());
    return kept;
  };
  const put = (cookie: Cookie): void => {
    const isSame = (other: Cookie): boolean =>
      other.name === cookie.name && other.host === cookie.host && other.path === cookie.path;
    const earlier = kept.findIndex(isSame);
    // 5.7: one that is replaced keeps its place, which is the order of creation.
    kept = earlier < 0 ? [...kept, cookie] : kept.with(earlier, cookie);
  };
  return {
    get all() {
      return live();
    },
    refused,
    get: (name) => live().find((cookie) => cookie.name === name),
    store(url, setCookieHeaders) {
      for (const header of setCookieHeaders) {
        const cookie = parseCookie(url, header, now());
        const why = typeof cookie === 'string' ? cookie : whyRefused(url, cookie);
        if (why === null) put(cookie as Cookie);
        else refused.push(`${header}: ${why}`);
      }
    },
    header(url, request) {
      const fitting = live().filter((cookie) => isSent(cookie, url, request));
      const longestPathFirst = fitting.toSorted((one, other) => other.path.length - one.path.length);
      return longestPathFirst.map(({ name, value }) => `${name}=${value}`).join('; ');
    },
    put,
    remove(name) {
      kept = kept.filter((cookie) => cookie.name !== name);
    },
    restart() {
      kept = kept.filter(({ expiresAt }) => expiresAt !== null);
    },
  };
}

function parseCookie(url: URL, header: string, now: Date): Cookie | string {
  const [pair = '', ...rest] = header.split(';').map((part) => part.trim());
  const at = pair.indexOf('=');
  if (at < 1) return 'it has no name';
  const attributes: Record<string, string | undefined> = {};
  for (const part of rest) {
    const [name = '', ...value] = part.split('=');
    attributes[name.trim().toLowerCase()] = value.join('=').trim();
  }
  const { path, domain } = attributes;
  const directory = url.pathname.slice(0, Math.max(1, url.pathname.lastIndexOf('/')));
  const sameSite = { strict: 'Strict', none: 'None' } as const;
  return {
    name: pair.slice(0, at).trim(),
    value: pair.slice(at + 1).trim(),
    host: domain ? domain.replace(/^\./, '').toLowerCase() : url.hostname,
    hostOnly: !domain,
    path: path?.startsWith('/') ? path : directory,
    expiresAt: expiryOf(attributes, now),
    httpOnly: 'httponly' in attributes,
    secure: 'secure' in attributes,
    sameSite: sameSite[attributes.samesite?.toLowerCase() as keyof typeof sameSite] ?? 'Lax',
  };
}

/** 5.6.1 and 5.6.2: Max-Age wins over Expires. */
function expiryOf(attributes: Readonly<Record<string, string | undefined>>, now: Date): Date | null {
  const maxAge = attributes['max-age'];
  if (maxAge !== undefined && /^-?\d+$/.test(maxAge)) return new Date(now.getTime() + Number(maxAge) * 1000);
  const expires = Date.parse(attributes.expires ?? '');
  return Number.isNaN(expires) ? null : new Date(expires);
}

function whyRefused(url: URL, cookie: Cookie): string | null {
  const { name, value, host, hostOnly, path, secure, sameSite } = cookie;
  if (name.length + value.length > 4096) return 'it is longer than 4096 bytes';
  const covers = url.hostname === host || (host.includes('.') && url.hostname.endsWith(`.${host}`));
  if (!covers) return `${url.hostname} may not set it for ${host}`;
  if (secure && !isTrustworthy(url)) return 'Secure needs https or localhost';
  if (sameSite === 'None' && !secure) return 'SameSite=None needs Secure';
  if (name.startsWith('__Secure-') && !secure) return '__Secure- needs Secure';
  if (name.startsWith('__Host-') && !(secure && hostOnly && path === '/'))
    return '__Host- needs Secure, Path=/ and no Domain';
  return null;
}

function isSent(
  cookie: Cookie,
  url: URL,
  {
    method,
    initiator,
    topLevel,
  }: { readonly method: string; readonly initiator: Initiator | null; readonly topLevel: boolean },
): boolean {
  const { host, hostOnly, path } = cookie;
  const onHost = url.hostname === host || (!hostOnly && url.hostname.endsWith(`.${host}`));
  const below = url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`);
  if (!onHost || !below || (cookie.secure && !isTrustworthy(url))) return false;
  if (!initiator || isSameSite(initiator.url, url) || cookie.sameSite === 'None') return true;
  return cookie.sameSite === 'Lax' && topLevel && method === 'GET';
}

// HTML, as tolerantly as pages of our own kind need

interface OpenElement extends HtmlElement {
  readonly children: (HtmlElement | string)[];
}

const voidTags = new Set('area base br col embed hr img input link meta source track wbr'.split(' '));
const rawTags = new Set(['script', 'style', 'textarea', 'title']);
const inlineTags = new Set(
  'a abbr b bdi bdo cite code em i kbd mark q s small span strong sub sup time u var'.split(' '),
);
const unseenTags = new Set(['head', 'script', 'style', 'template', 'title']);
const paragraphEnds =
  'address article aside div dl fieldset footer form h1 h2 h3 h4 h5 h6 header hr main nav ol p pre section table ul';

/** What a start tag closes by itself (HTML 13.1.2.4, optional tags). */
const closedBy = new Map<string, readonly string[]>([
  ...paragraphEnds.split(' ').map((tag): [string, string[]] => [tag, ['p']]),
  ['li', ['li', 'p']],
  ['dt', ['dt', 'dd', 'p']],
  ['dd', ['dt', 'dd', 'p']],
  ['option', ['option']],
  ['optgroup', ['option', 'optgroup']],
  ['td', ['td', 'th']],
  ['th', ['td', 'th']],
  ['tr', ['td', 'th', 'tr']],
  ['tbody', ['td', 'th', 'tr', 'thead', 'tbody']],
  ['body', ['head']],
]);

function parseHtml(html: string): HtmlElement {
  const root = element('#document', {}, null);
  let open = root;
  let at = 0;
  const write = (text: string): void => {
    if (text) open.children.push(text);
  };
  const close = (tag: string): void => {
    const found = [open, ...ancestorsOf(open)].find((candidate) => candidate.tag === tag);
    if (found?.parent) open = found.parent as OpenElement;
  };

  while (at < html.length) {
    const next = html.indexOf('<', at);
    if (next < 0) {
      write(decodeEntities(html.slice(at)));
      break;
    }
    write(decodeEntities(html.slice(at, next)));
    if (html.startsWith('<!', next) || html.startsWith('<?', next)) {
      const mark = html.startsWith('<!--', next) ? '-->' : '>';
      const end = html.indexOf(mark, next);
      at = end < 0 ? html.length : end + mark.length;
      continue;
    }
    tagAt.lastIndex = next;
    const found = tagAt.exec(html);
    if (!found) {
      write('<');
      at = next + 1;
      continue;
    }
    at = tagAt.lastIndex;
    const tag = found[2]!.toLowerCase();
    if (found[1]) {
      close(tag);
      continue;
    }
    for (const closed of closedBy.get(tag) ?? []) if (open.tag === closed) close(closed);
    // A form inside a form is not one (13.2.6.4.7): its fields belong to the outer.
    if (tag === 'form' && [open, ...ancestorsOf(open)].some((outer) => outer.tag === 'form')) continue;
    const started = element(tag, readAttributes(found[3] ?? ''), open);
    open.children.push(started);
    if (voidTags.has(tag)) continue;
    if (!rawTags.has(tag)) {
      open = started;
      continue;
    }
    const rest = html.slice(at);
    const length = rest.search(new RegExp(`</${tag}[\\s>/]`, 'i'));
    const raw = length < 0 ? rest : rest.slice(0, length);
    started.children.push(tag === 'script' || tag === 'style' ? raw : decodeEntities(raw));
    at += raw.length;
  }
  return root;
}

const tagAt = /<(\/?)([a-z][^\s/>]*)((?:[^>"']|"[^"]*"|'[^']*')*)>/giy;

function readAttributes(text: string): Record<string, string> {
  const found = text.matchAll(/([^\s=/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+)))?/g);
  const attributes: Record<string, string> = {};
  for (const [, name = '', double, single, bare] of found) {
    attributes[name.toLowerCase()] ??= decodeEntities(double ?? single ?? bare ?? '');
  }
  return attributes;
}

function element(tag: string, attributes: Record<string, string>, parent: OpenElement | null): OpenElement {
  const made: OpenElement = {
    tag,
    attributes,
    parent,
    children: [],
    get text() {
      return made.children.map(readable).join('').replaceAll(/\s+/g, ' ').trim();
    },
  };
  return made;
}

function readable(node: HtmlElement | string): string {
  if (typeof node === 'string') return node;
  if (unseenTags.has(node.tag) || 'hidden' in node.attributes) return '';
  const inside = node.children.map(readable).join('');
  return inlineTags.has(node.tag) ? inside : ` ${inside} `;
}

const namedEntities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  hellip: '…',
  ndash: '–',
  mdash: '—',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  middot: '·',
  bull: '•',
  rarr: '→',
  larr: '←',
  times: '×',
  copy: '©',
};

function decodeEntities(text: string): string {
  return text.replaceAll(/&(?:#(\d+)|#x([\da-f]+)|([a-z]+));/gi, (whole, decimal, hex, name) => {
    if (name) return namedEntities[name] ?? whole;
    return String.fromCodePoint(decimal ? Number(decimal) : Number.parseInt(hex, 16));
  });
}

function ancestorsOf(node: HtmlElement): readonly HtmlElement[] {
  return node.parent ? [node.parent, ...ancestorsOf(node.parent)] : [];
}

/** In the order of the page, without what is in a template. */
function findAll(root: HtmlElement, selector: string): readonly HtmlElement[] {
  const alternatives = selector.match(/(?:[^,[]|\[[^\]]*\])+/g) ?? [];
  const paths = alternatives.map((alternative) =>
    (alternative.match(/(?:[^\s[]|\[[^\]]*\])+/g) ?? []).map(readCompound),
  );
  const walk = (node: HtmlElement): HtmlElement[] =>
    node.children.flatMap((child) => {
      if (typeof child === 'string') return [];
      const inside = child.tag === 'template' ? [] : walk(child);
      return paths.some((path) => isAtEndOf(path, child)) ? [child, ...inside] : inside;
    });
  return walk(root);
}

type Test = (candidate: HtmlElement) => boolean;

function isAtEndOf(path: readonly Test[], candidate: HtmlElement): boolean {
  if (!path.at(-1)?.(candidate)) return false;
  let rest = path.slice(0, -1);
  for (const ancestor of ancestorsOf(candidate)) if (rest.at(-1)?.(ancestor)) rest = rest.slice(0, -1);
  return rest.length === 0;
}

function readCompound(compound: string): Test {
  const parts = compound.match(/^[a-z][\w-]*|\*|#[\w-]+|\.[\w-]+|\[[^\]]*\]/gi) ?? [];
  if (parts.join('') !== compound) throw new Error(`This browser does not know the selector "${compound}".`);
  const tests = parts.map((part): Test => {
    if (part === '*') return () => true;
    if (part.startsWith('#')) return ({ attributes }) => attributes.id === part.slice(1);
    if (part.startsWith('.')) return ({ attributes }) => (attributes.class ?? '').split(/\s+/).includes(part.slice(1));
    if (!part.startsWith('[')) return ({ tag }) => tag === part.toLowerCase();
    const [, name = '', operator, value = ''] = part.match(/^\[([\w-]+)(?:([~^$*]?=)["']?(.*?)["']?)?\]$/) ?? [];
    return ({ attributes }) => attributes[name] !== undefined && compare(attributes[name], operator, value);
  });
  return (candidate) => tests.every((test) => test(candidate));
}

function compare(actual: string, operator: string | undefined, value: string): boolean {
  switch (operator) {
    case undefined:
      return true;
    case '^=':
      return actual.startsWith(value);
    case '$=':
      return actual.endsWith(value);
    case '*=':
      return actual.includes(value);
    case '~=':
      return actual.split(/\s+/).includes(value);
    default:
      return actual === value;
  }
}
