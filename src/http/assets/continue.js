// @ts-check
/**
 * What the page of a QR code's link does: takes the secret out of the address, asks whose account it leads to, and shows the
 * button. The secret is held in this page's memory and in its form, and leaves it in the bodies of two requests to us.
 *
 * A classic script in the language of 2017, like passkey.js. Its words come from the page (views/messages.ts).
 */
(() => {
  /** @type {string} */
  let secret = take(); // First of all: from here on it is in no address.

  const form = /** @type {HTMLFormElement} */ (one('[data-continue-form]'));
  const says = one('[data-continue-says]');
  let turn = 0; // What was asked for an earlier link may not be shown.

  // Another code scanned into the same tab changes the fragment alone.
  window.addEventListener('hashchange', () => {
    secret = take() || secret;
    void ask();
  });
  // Back from the browser's cache of pages.
  window.addEventListener('pageshow', (event) => event.persisted && void ask());
  void ask();

  function take() {
    const held = window.location.hash.slice(1);
    window.history.replaceState(null, '', window.location.pathname);
    return held;
  }

  async function ask() {
    turn += 1;
    const mine = turn;
    form.hidden = true;
    if (!secret) return say(says.dataset.missing, 'calm');
    say(says.dataset.waiting, 'calm');
    try {
      const answer = await fetch(form.dataset.aboutUrl || '', {
        method: 'POST',
        credentials: 'same-origin',
        headers: { 'content-type': 'application/json', accept: 'application/json', 'x-csrf': field('csrf').value },
        body: JSON.stringify({ link: secret }),
      });
      if (mine !== turn) return;
      if (answer.status === 404) return say(says.dataset.ended, 'problem');
      if (!answer.ok) return say(says.dataset.failed, 'problem');
      const about = await answer.json();
      if (mine !== turn) return;
      one('[data-continue-user]').textContent = String(about.account);
      field('link').value = secret;
      form.hidden = false;
      say('', 'calm');
    } catch (_error) {
      if (mine === turn) say(says.dataset.failed, 'problem');
    }
  }

  /** @param {string | undefined} text @param {'problem' | 'calm'} tone */
  function say(text, tone) {
    says.dataset.tone = tone;
    says.textContent = text || '';
  }

  /** @param {string} name @returns {HTMLInputElement} */
  function field(name) {
    return /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
  }

  /** @param {string} selector @returns {HTMLElement} */
  function one(selector) {
    return /** @type {HTMLElement} */ (document.querySelector(selector));
  }
})();
