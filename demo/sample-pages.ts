/** What the sample app shows. It has a look of its own, so that nobody takes it for the provider. */

/** What the provider told the app: the ID token's claims and the answer of the userinfo endpoint. */
export interface Received {
  readonly idToken: Readonly<Record<string, unknown>>;
  readonly userInfo: Readonly<Record<string, unknown>>;
}

export function homePage(notice?: string): string {
  return page(
    'Orchard',
    'signed-out',
    html`
      ${notice === undefined ? '' : html`<p class="notice" role="status">${notice}</p>`}
      <h1>Welcome to Orchard</h1>
      <p class="lead">A sample app. It keeps no passwords: Latchkey tells it who you are.</p>
      <a class="button" id="sign-in" href="/sign-in">Sign in</a>`,
  );
}

export function signedInPage({ idToken, userInfo }: Received, issuer: string): string {
  const all = { ...userInfo, ...idToken };
  return page(
    'Signed in',
    'signed-in',
    html`
      <h1>Hello, ${text(all.name)}</h1>
      <p class="lead">You are signed in to Orchard. This is what Latchkey said about you.</p>
      <h2>How you signed in</h2>
      <dl>
        ${claim('acr', all.acr, levels[text(all.acr)] ?? 'The level that was reached.')}
        ${claim('amr', all.amr, 'Ways to prove who you are, in the words of RFC 8176.')}
        ${claim('auth_time', all.auth_time, moment(all.auth_time))}
      </dl>
      <h2>Who you are</h2>
      <dl>
        ${claim('name', all.name, 'For people to read.')}
        ${claim('preferred_username', all.preferred_username, 'The name you sign in with. It may change.')}
        ${claim('email', all.email, 'Where mail reaches you.')}
        ${claim('sub', all.sub, 'Never changes: what an app should know you by.')}
      </dl>
      <details>
        <summary>All of it</summary>
        <h3>ID token</h3>
        <pre tabindex="0">${JSON.stringify(idToken, null, 2)}</pre>
        <h3>User info</h3>
        <pre tabindex="0">${JSON.stringify(userInfo, null, 2)}</pre>
      </details>
      <form class="ways" method="post" action="/sign-out">
        <button class="button" id="sign-out">Sign out</button>
        <a href="${issuer}/security-info">My security info</a>
      </form>`,
  );
}

export function problemPage(problem: string): string {
  return page(
    'Not signed in',
    'problem',
    html`
      <h1>You are not signed in</h1>
      <p class="lead">${problem}</p>
      <a class="button" id="sign-in" href="/sign-in">Sign in</a>`,
  );
}

const levels: Readonly<Record<string, string>> = {
  phr: 'Phishing-resistant: a passkey, unlocked by you.',
  phrh: 'Phishing-resistant, in hardware that never gives the key away.',
};

function claim(name: string, value: unknown, meaning: string): Html {
  if (value === undefined) return html``;
  return html`
    <div>
      <dt>${name}</dt>
      <dd><span class="value" data-claim="${name}">${text(value)}</span><span class="meaning">${meaning}</span></dd>
    </div>`;
}

function text(value: unknown): string {
  return Array.isArray(value) ? value.join(' ') : String(value ?? '');
}

/** Seconds since 1970, for people. */
function moment(seconds: unknown): string {
  return new Date(Number(seconds) * 1000).toUTCString();
}

/** Text that is HTML already; every other string is escaped on its way in. */
interface Html {
  readonly source: string;
}

function html(parts: TemplateStringsArray, ...values: readonly (string | Html)[]): Html {
  const filled = values.map((value) => (typeof value === 'string' ? escaped(value) : value.source));
  return { source: parts.map((part, place) => part + (filled[place] ?? '')).join('') };
}

function escaped(value: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return value.replace(/[&<>"']/g, (character) => entities[character]!);
}

function page(title: string, step: string, content: Html): string {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title === 'Orchard' ? title : `${title} – Orchard`}</title>
    <style>${{ source: style }}</style>
  </head>
  <body>
    <header><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="9" cy="15" r="6"/><circle cx="16" cy="15" r="6"/><path d="M12.5 10C12 6 14 3 18 2c0 4-2 6.5-5.5 8Z"/></svg>Orchard</header>
    <main data-page="${step}">${content}</main>
  </body>
</html>
`.source;
}

const style = `
  :root { color-scheme: light dark; --ground: #fbf3ea; --sheet: #fffdfa; --ink: #2b1d14; --quiet: #6f5b4c; --line: #ead9c7;
    --accent: #a8331f; --on-accent: #fff; --soft: #f6e5d5; }
  @media (prefers-color-scheme: dark) {
    :root { --ground: #17100b; --sheet: #211812; --ink: #f4e9df; --quiet: #bfab9b; --line: #3d2d22;
      --accent: #ff9c85; --on-accent: #3a0d05; --soft: #33241a; } }
  * { box-sizing: border-box; }
  body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 42rem; background: var(--ground); color: var(--ink);
    font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
  header { display: flex; align-items: center; gap: .5rem; padding: 0 .25rem 1rem; font-weight: 650; }
  header svg { width: 1.75rem; fill: var(--accent); }
  main { padding: clamp(1.25rem, 5vw, 2.5rem); background: var(--sheet); border: 1px solid var(--line); border-radius: 1rem; }
  h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; overflow-wrap: anywhere; }
  h2 { margin: 2rem 0 .5rem; font-size: 1.0625rem; }
  h3 { margin: 1rem 0 .25rem; font-size: .875rem; }
  .lead { margin: .5rem 0 1.5rem; color: var(--quiet); overflow-wrap: anywhere; }
  .notice { margin: 0 0 1.5rem; padding: .75rem 1rem; background: var(--soft); border-radius: .5rem; }
  .button { display: inline-block; padding: .75rem 1.5rem; border: 0; border-radius: .625rem; background: var(--accent);
    color: var(--on-accent); font: inherit; font-weight: 600; text-decoration: none; cursor: pointer; }
  a { color: var(--accent); }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  dl { margin: 0; border-top: 1px solid var(--line); }
  dl div { display: grid; grid-template-columns: 11rem 1fr; gap: .25rem 1rem; padding: .625rem 0; border-bottom: 1px solid var(--line); }
  @media (max-width: 34rem) { dl div { grid-template-columns: 1fr; } }
  dt, .value, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .9375rem; }
  dt { color: var(--quiet); }
  dd { margin: 0; overflow-wrap: anywhere; }
  .value { display: block; font-weight: 600; }
  .meaning { color: var(--quiet); font-size: .875rem; }
  details { margin-top: 2rem; }
  summary { cursor: pointer; }
  pre { margin: 0; padding: .75rem 1rem; overflow-x: auto; background: var(--soft); border-radius: .5rem; font-size: .8125rem; }
  .ways { display: flex; flex-wrap: wrap; align-items: center; gap: 1rem 1.5rem; margin-top: 2rem; }
`;
