// @ts-check
/**
 * The page that waits while another device goes on: asks now and then whether there is something new, and then loads itself
 * again, for only the page itself knows what comes next. A classic script in the language of 2017, like passkey.js.
 */
(() => {
  const waits = /** @type {HTMLElement} */ (document.querySelector('[data-carrying]'));
  const everyMilliseconds = 2000;
  window.setTimeout(ask, everyMilliseconds);

  async function ask() {
    try {
      const answer = await fetch(waits.dataset.carryingUrl || '', { credentials: 'same-origin', cache: 'no-store' });
      // Not ours to wait for any more: the page says why.
      if (answer.status >= 400 && answer.status < 500) return location.reload();
      if (answer.ok && (await answer.json()).carrying !== waits.dataset.carrying) return location.reload();
    } catch (_error) {
      // Out of reach for a moment.
    }
    window.setTimeout(ask, everyMilliseconds);
  }
})();
