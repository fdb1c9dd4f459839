// @ts-check
/**
 * What a sign-in page does when it has script: runs passkey ceremonies, counts down, hides a code, focuses a mistake.
 * Every page works without it except for the passkeys themselves. Its words come from the page (views/messages.ts).
 *
 * A classic script in the language of 2017, so that a browser too old for passkeys still runs it and can say so.
 */
(() => {
  /** @typedef {typeof import('@simplewebauthn/browser')} Library */
  /** Absent when its script could not be loaded or understood. @type {Library | undefined} */
  const library = Reflect.get(window, 'SimpleWebAuthnBrowser');
  const passkeysWork = Boolean(
    window.PublicKeyCredential && library && typeof library.startRegistration === 'function',
  );

  const patienceMilliseconds = 20 * 1000;

  // A challenge lives five minutes; one that waits in the name field is renewed a little before.
  const challengeMilliseconds = 4.5 * 60 * 1000;

  /** The server would not give a challenge. */
  class Refusal extends Error {
    /** @param {number} status @param {string} message the server's own sentence, empty when it sent none */
    constructor(status, message) {
      super(message);
      this.status = status;
    }
  }

  /** The server could not be reached, or did not answer in time. */
  class Unreached extends Error {}

  /** @type {NodeListOf<HTMLFormElement>} */
  const passkeyForms = document.querySelectorAll('form[data-passkey]');
  if (passkeysWork) passkeyForms.forEach(runPasskeys);
  if (passkeysWork) each('[data-needs-passkeys]', show);
  if (!passkeysWork) each('[data-no-passkeys]', show);
  if (passkeysWork) each('[data-signal-user]', signalStanding);
  each('[data-seconds-left]', countDown);
  each('time[data-local]', tellInLocalTime);
  each('button[data-hides]', hideOnDemand);
  // Where `autofocus` works on fields only. It has had its chance by the first frame.
  window.requestAnimationFrame(() => {
    if (document.activeElement === document.body) each('#error-summary', (summary) => summary.focus());
  });

  /** @param {HTMLFormElement} form */
  function runPasskeys(form) {
    const webauthn = /** @type {Library} */ (library);
    const creates = form.dataset.passkey === 'create';
    const says = /** @type {HTMLElement} */ (form.querySelector('[data-passkey-says]'));
    const waits = /** @type {HTMLElement} */ (form.querySelector('[data-passkey-waits]'));
    /** @type {HTMLButtonElement[]} */
    const buttons = Array.from(form.querySelectorAll('button[data-passkey-start]'));
    let turn = 0; // Only the ceremony whose turn it is may answer or speak.
    let busy = false;
    let armedAt = 0;
    let renewal = 0;

    buttons.forEach((button) => {
      button.hidden = false;
      button.addEventListener('click', () => void start(button));
    });
    // Back from the browser's cache of pages: that ceremony is over.
    window.addEventListener('pageshow', (event) => event.persisted && rest());
    document.addEventListener('visibilitychange', () => void rearmWhenStale());
    void arm();

    /** @param {HTMLButtonElement} button */
    async function start(button) {
      turn += 1;
      busy = true;
      buttons.forEach((each) => {
        each.disabled = true;
      });
      say('', 'problem');
      let startedAt = 0;
      try {
        const optionsJSON = await askForOptions(button.dataset.authenticator);
        waits.textContent = waits.dataset.waiting || '';
        startedAt = performance.now();
        const answer = creates
          ? await webauthn.startRegistration({ optionsJSON })
          : await webauthn.startAuthentication({ optionsJSON });
        await send(answer, rpIdOf(optionsJSON));
      } catch (error) {
        // This sign-in has moved on or ended: the page itself knows what comes next.
        if (error instanceof Refusal && [401, 409, 410].includes(error.status)) return location.reload();
        rest();
        button.focus();
        explain(error, startedAt === 0 ? 0 : performance.now() - startedAt, button.dataset.authenticator);
        void arm();
      }
    }

    /** Offers passkeys in the name field, silently: nobody asked for it, so nobody hears that it failed. */
    async function arm() {
      clearTimeout(renewal);
      if (form.dataset.autofill !== 'on') return;
      turn += 1;
      const mine = turn;
      try {
        if (!(await webauthn.browserSupportsWebAuthnAutofill()) || mine !== turn) return;
        const optionsJSON = await askForOptions();
        if (mine !== turn) return;
        armedAt = Date.now();
        renewal = window.setTimeout(rearmWhenStale, challengeMilliseconds);
        const answer = await webauthn.startAuthentication({ optionsJSON, useBrowserAutofill: true });
        if (mine === turn) await send(answer, rpIdOf(optionsJSON));
      } catch (_error) {
        // Cancelled, replaced, refused or not sent. The buttons are still there.
        if (mine === turn) busy = false;
      }
    }

    /** In a tab that is not looked at nothing is renewed; when the person comes back, it is. */
    function rearmWhenStale() {
      if (document.hidden || busy || armedAt === 0) return;
      if (Date.now() - armedAt >= challengeMilliseconds) void arm();
    }

    /**
     * @param {string} [preferredAuthenticatorType]
     * @returns {Promise<any>} options as the server made them
     */
    async function askForOptions(preferredAuthenticatorType) {
      const response = await ask(form.dataset.optionsUrl || '', { preferredAuthenticatorType });
      if (response.ok) return response.json();
      const body = await response.json().catch(() => ({}));
      throw new Refusal(response.status, response.status < 500 && body.error ? String(body.error.message || '') : '');
    }

    /**
     * The answer goes as an ordinary form, whose redirect is the page that comes next. In a sign-in it is asked first whether the
     * passkey is known: the browser then offers one that is not no longer.
     * @param {{ id: string }} answer
     * @param {string} rpId
     */
    async function send(answer, rpId) {
      busy = true;
      field('response').value = JSON.stringify(answer);
      if (form.dataset.next === undefined) return form.submit();
      const response = await inTime(
        fetch(form.action, {
          method: 'POST',
          credentials: 'same-origin',
          redirect: 'manual',
          headers: { accept: 'application/json' },
          body: new URLSearchParams(/** @type {any} */ (new FormData(form))),
        }),
      );
      if (response.status === 404) await signal('signalUnknownCredential', { rpId, credentialId: answer.id });
      // Anything but the two answers it knows is a page: the form fetches it.
      else if (response.type !== 'opaqueredirect') return form.submit();
      location.assign(form.dataset.next);
    }

    function rest() {
      busy = false;
      waits.textContent = '';
      buttons.forEach((button) => {
        button.disabled = false;
      });
    }

    /**
     * Browsers do not tell a cancelled prompt from a missing passkey; how long it took says most.
     * @param {any} error
     * @param {number} milliseconds since the prompt was asked for; 0 when it never was
     * @param {string} [authenticator]
     */
    function explain(error, milliseconds, authenticator) {
      const text = says.dataset;
      if (error instanceof Refusal) return say(error.message || text.failed, 'problem');
      if (error instanceof Unreached) return say(text.offline, 'problem');
      if (milliseconds === 0) return say(text.failed, 'problem');
      switch (error.name) {
        case 'AbortError':
          return;
        case 'NotAllowedError':
          if (milliseconds >= 30000) return say(text.timedOut, 'calm');
          if (authenticator === 'securityKey') return say(`${text.notDone} ${text.noPin}`, 'calm');
          if (milliseconds < 1000) return say(text.notStarted, 'problem');
          return say(text.notDone, 'calm');
        case 'InvalidStateError':
          if (!creates) return say(text.failed, 'problem');
          each('[data-when-already]', show);
          return say(text.already, 'news');
        case 'SecurityError':
          return void reportWrongSite();
        case 'ConstraintError':
        case 'NotSupportedError':
          return say(text.unfit, 'problem');
        default:
          return say(text.failed, 'problem');
      }
    }

    /** Nobody who reads it can do anything about it: the operators are told, and the person gets what they find it by. */
    async function reportWrongSite() {
      const { wrongSite, reference } = says.dataset;
      const mine = turn;
      const told = await ask('/passkey-fault', {})
        .then((response) => response.json())
        .catch(() => ({}));
      if (mine !== turn) return;
      const found = told.reference ? ` ${(reference || '').replace('{reference}', told.reference)}` : '';
      say(`${wrongSite}${found}`, 'problem');
    }

    /** @param {string} url @param {object} body @returns {Promise<Response>} */
    function ask(url, body) {
      return inTime(
        fetch(url, {
          method: 'POST',
          credentials: 'same-origin',
          headers: { 'content-type': 'application/json', accept: 'application/json', 'x-csrf': field('csrf').value },
          body: JSON.stringify(body),
        }),
      );
    }

    /** @param {string | undefined} text @param {'problem' | 'calm' | 'news'} tone */
    function say(text, tone) {
      says.dataset.tone = tone;
      says.textContent = text || '';
    }

    /** @param {string} name @returns {HTMLInputElement} */
    function field(name) {
      return /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
    }
  }

  /** @param {Promise<Response>} asked @returns {Promise<Response>} */
  function inTime(asked) {
    return new Promise((resolve, reject) => {
      window.setTimeout(() => reject(new Unreached()), patienceMilliseconds);
      asked.then(resolve, () => reject(new Unreached()));
    });
  }

  /** @param {{ rpId?: string, rp?: { id?: string } }} options @returns {string} */
  function rpIdOf({ rpId, rp = {} }) {
    return rpId || rp.id || location.hostname;
  }

  /**
   * Tells whatever keeps the passkeys which of them are registered here, and whose they are (WebAuthn Level 3, signal methods).
   * The page has this only when the list was read.
   * @param {HTMLElement} element
   */
  function signalStanding(element) {
    const { signalRp: rpId, signalUser: userId, signalAccepted, signalName: name, signalDisplayName } = element.dataset;
    const allAcceptedCredentialIds = (signalAccepted || '').split(' ').filter(Boolean);
    void signal('signalAllAcceptedCredentials', { rpId, userId, allAcceptedCredentialIds });
    void signal('signalCurrentUserDetails', { rpId, userId, name, displayName: signalDisplayName });
  }

  /**
   * A hint, where the browser takes it: nothing waits for it longer than a second, and nothing fails with it.
   * @param {string} name
   * @param {object} details
   */
  function signal(name, details) {
    const call = Reflect.get(window.PublicKeyCredential, name);
    if (typeof call !== 'function') return Promise.resolve();
    const told = Promise.resolve().then(() => call.call(window.PublicKeyCredential, details));
    return Promise.race([told.catch(() => {}), new Promise((resolve) => window.setTimeout(resolve, 1000))]);
  }

  /**
   * Counts by the seconds the server said were left, so that a wrong clock on this machine does no harm.
   * @param {HTMLElement} element
   */
  function countDown(element) {
    const endsAt = Date.now() + Number(element.dataset.secondsLeft) * 1000;
    const clock = /** @type {HTMLElement} */ (element.querySelector('[data-clock]'));
    const over = /** @type {HTMLElement} */ (element.querySelector('[data-window-over]'));
    const says = /** @type {HTMLElement} */ (element.querySelector('[data-window-says]'));
    let last = Infinity;
    const timer = window.setInterval(tick, 1000);
    show(clock);
    tick();

    function tick() {
      const seconds = Math.max(0, Math.round((endsAt - Date.now()) / 1000));
      const time = `${Math.floor(seconds / 60)}:${`0${seconds % 60}`.slice(-2)}`;
      clock.textContent = (clock.dataset.clock || '').replace('{clock}', time);
      // Spoken when a mark is passed, not when the page is opened after it.
      if (last !== Infinity && last > 300 && seconds <= 300) says.textContent = says.dataset.fiveMinutes || '';
      if (last !== Infinity && last > 60 && seconds <= 60) says.textContent = says.dataset.oneMinute || '';
      if (seconds === 0) {
        says.textContent = says.dataset.ended || '';
        element.querySelectorAll('[data-window-open]').forEach((line) => {
          line.setAttribute('hidden', '');
        });
        show(over);
        clearInterval(timer);
        const link = over.querySelector('a');
        passkeyForms.forEach((form) => {
          const focused = form.contains(document.activeElement);
          form.hidden = true;
          if (focused && link) link.focus();
        });
      }
      last = seconds;
    }
  }

  /** The server knows no time zones but its own; the browser knows the reader's. @param {HTMLElement} element */
  function tellInLocalTime(element) {
    const at = new Date(element.getAttribute('datetime') || '');
    const language = document.documentElement.lang || 'en';
    const sameLanguage = (navigator.languages || []).filter((each) => each.split('-')[0] === language.split('-')[0]);
    /** @type {Intl.DateTimeFormatOptions} */
    const day = { year: 'numeric', month: 'short', day: 'numeric' };
    /** @type {Intl.DateTimeFormatOptions} */
    const time = { hour: 'numeric', minute: '2-digit' };
    /** @type {Record<string, Intl.DateTimeFormatOptions>} */
    const shapes = {
      time: Object.assign({ timeZoneName: 'short' }, time),
      date: day,
      'date-time': Object.assign({}, day, time),
    };
    try {
      element.textContent = at.toLocaleString(
        sameLanguage[0] || language,
        shapes[element.dataset.local || 'date-time'],
      );
    } catch (_error) {
      // The server's text stays.
    }
  }

  /** Covers the code on screen for whoever has somebody behind them. @param {HTMLElement} button */
  function hideOnDemand(button) {
    const field = document.getElementById(button.dataset.hides || '');
    if (!field) return;
    show(button);
    button.addEventListener('click', () => {
      const hidden = uncover(field);
      button.textContent = (hidden ? button.dataset.show : button.dataset.hide) || '';
    });
  }

  /** Covers the field or uncovers it; true when it is covered now. @param {HTMLElement} field */
  function uncover(field) {
    if (!(field instanceof HTMLInputElement) || field.name === 'code') return field.classList.toggle('covered');
    field.type = field.type === 'password' ? 'text' : 'password';
    return field.type === 'password';
  }

  /** @param {HTMLElement} element */
  function show(element) {
    element.hidden = false;
  }

  /** @param {string} selector @param {(element: HTMLElement) => void} act */
  function each(selector, act) {
    /** @type {NodeListOf<HTMLElement>} */
    const found = document.querySelectorAll(selector);
    found.forEach(act);
  }
})();
