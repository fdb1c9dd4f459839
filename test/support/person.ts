import type { CookieBrowser, Page } from './cookie-browser.ts';
import type { SoftwareAuthenticator } from './software-authenticator.ts';

/** Names the user and says that one has a pass. */
export async function identifyWithPass(browser: CookieBrowser, userName: string): Promise<Page> {
  return browser.click('use-pass', { username: userName });
}

/** From the first page on: name, pass, code. Ends at `enrol` when the code is right. */
export async function enterPass(browser: CookieBrowser, userName: string, code: string): Promise<Page> {
  await identifyWithPass(browser, userName);
  return browser.submit({ formWith: 'code', fields: { code } });
}

/** Runs the registration ceremony of the page the browser is at, as its script would. */
export async function createPasskey(browser: CookieBrowser, authenticator: SoftwareAuthenticator): Promise<Page> {
  const form = browser.page.find('form[data-passkey=create]')!;
  const answer = await browser.postJson(form.attributes['data-options-url']!, {});
  const response = await authenticator.create(answer.json() as never, { origin: new URL(browser.page.url).origin });
  return browser.submit({ formWith: 'response', button: null, override: { response: JSON.stringify(response) } });
}

/** Runs the authentication ceremony of the page. */
export async function usePasskey(browser: CookieBrowser, authenticator: SoftwareAuthenticator): Promise<Page> {
  return browser.submit({
    formWith: 'response',
    button: null,
    override: { response: JSON.stringify(await passkeyAnswer(browser, authenticator)) },
  });
}

export async function passkeyAnswer(browser: CookieBrowser, authenticator: SoftwareAuthenticator): Promise<object> {
  const form = browser.page.find('form[data-passkey=get]')!;
  const answer = await browser.postJson(form.attributes['data-options-url']!, {});
  return authenticator.get(answer.json() as never, { origin: new URL(browser.page.url).origin });
}

/** The whole line: pass, new passkey, first use. Ends at the relying party. */
export async function joinWithPass(
  browser: CookieBrowser,
  authenticator: SoftwareAuthenticator,
  userName: string,
  code: string,
): Promise<Page> {
  await enterPass(browser, userName, code);
  await createPasskey(browser, authenticator);
  return usePasskey(browser, authenticator);
}
