// @ts-check
/**
 * What the page of a hand-over link does: takes the pass out of the address, says whose it is, and on a click carries it into
 * an ordinary sign-in. The code is held in this page's memory alone, and leaves it once, in the body of a form.
 *
 * A classic script in the language of 2017, like passkey.js. Its words come from the page (views/messages.ts).
 */
(() => {
  /** @typedef {{ user: string, code: string }} Pass */
  /** @type {Pass | undefined} */
  let pass = take(); // First of all: from here on the code is in no address.

  const form = /** @type {HTMLFormElement} */ (one('[data-pass-form]'));
  const says = one('[data-pass-says]');
  const button = /** @type {HTMLButtonElement} */ (one('#continue'));
  let turn = 0; // A sign-in that was started for an earlier link may not go on.

  // Without a pass in the link the form is an ordinary one, for a code that is typed.
  form.addEventListener('submit', (event) => {
    if (!pass) return;
    event.preventDefault();
    void use();
  });
  // Another link opened in the same tab changes the fragment alone.
  window.addEventListener('hashchange', () => {
    pass = take() || pass;
    show();
  });
  // Back from the browser's cache of pages.
  window.addEventListener('pageshow', (event) => event.persisted && show());
  show();

  /** @returns {Pass | undefined} */
  function take() {
    const held = new URLSearchParams(window.location.hash.slice(1));
    window.history.replaceState(null, '', window.location.pathname);
    const user = (held.get('user') || '').trim();
    const code = held.get('code') || '';
    return user && code ? { user, code } : undefined;
  }

  function show() {
    turn += 1;
    rest('');
    every('[data-pass-given]', (part) => {
      part.hidden = !pass;
    });
    every('[data-pass-missing]', (part) => {
      part.hidden = Boolean(pass);
    });
    if (pass) one('[data-pass-user]').textContent = pass.user;
  }

  /** The steps a person takes by hand: an app's page, the name, the code. */
  async function use() {
    if (!pass) return;
    turn += 1;
    const mine = turn;
    const { user, code } = pass;
    button.disabled = true;
    say(says.dataset.waiting, 'calm');
    try {
      const { base, csrf } = await signInAt(form.dataset.signInUrl || '');
      const named = new URLSearchParams({ csrf, username: user, with: 'temporary-access-pass' });
      const next = await signInAt(`${base}/identify`, { method: 'POST', body: named });
      if (mine === turn) post(`${base}/verify/temporary-access-pass`, { csrf: next.csrf, code });
    } catch (_error) {
      if (mine !== turn) return;
      rest(says.dataset.failed);
      button.focus();
    }
  }

  /**
   * The page of the sign-in that a request led to: its address and its token.
   * @param {string} url
   * @param {RequestInit} [asked]
   */
  async function signInAt(url, asked) {
    const answer = await fetch(url, Object.assign({ credentials: 'same-origin', redirect: 'follow' }, asked));
    const { origin, pathname } = new URL(answer.url);
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    /** @type {HTMLInputElement | null} */
    const token = page.querySelector('input[name=csrf]');
    if (!answer.ok || !token || origin !== window.location.origin || !/^\/sign-in\/[\w-]+$/.test(pathname)) {
      throw new Error('That led to no sign-in.');
    }
    return { base: pathname, csrf: token.value };
  }

  /**
   * As an ordinary form, so that the browser lands on the page that comes next.
   * @param {string} action
   * @param {Record<string, string>} fields
   */
  function post(action, fields) {
    const carrier = document.createElement('form');
    carrier.method = 'post';
    carrier.action = action;
    carrier.hidden = true;
    Object.keys(fields).forEach((name) => {
      const field = document.createElement('input');
      field.type = 'hidden';
      field.name = name;
      field.value = fields[name] || '';
      carrier.append(field);
    });
    document.body.append(carrier);
    carrier.submit();
    carrier.remove();
  }

  /** @param {string | undefined} text */
  function rest(text) {
    button.disabled = false;
    say(text, 'problem');
  }

  /** @param {string | undefined} text @param {'problem' | 'calm'} tone */
  function say(text, tone) {
    says.dataset.tone = tone;
    says.textContent = text || '';
  }

  /** @param {string} selector @returns {HTMLElement} */
  function one(selector) {
    return /** @type {HTMLElement} */ (document.querySelector(selector));
  }

  /** @param {string} selector @param {(part: HTMLElement) => void} act */
  function every(selector, act) {
    /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(selector)).forEach(act);
  }
})();
