/** Other organisations: a provider that signs their people in, and the domains that lead there. */
import { randomBytes } from 'node:crypto';
import { createDomain } from '../../src/methods/upstream/manage-domains.ts';
import { createProvider } from '../../src/methods/upstream/manage-providers.ts';
import { linkIdentity } from '../../src/others-identities.ts';
import type { CookieBrowser, Page } from './cookie-browser.ts';
import type { TestBase } from './house.ts';
import { clientSecret } from './hostile-upstream.ts';
import { type MockUpstream, startMockUpstream } from './upstream.ts';

export interface Organisation {
  readonly id: string;
  readonly domain: string;
  readonly issuer: string;
  /** A name of the domain that nobody else has. */
  name(): string;
  /** A user of the domain who is linked, with the `sub` of that link. */
  member(more?: { allowedAdministrator?: boolean; userName?: string }): Promise<{
    readonly id: string;
    readonly userName: string;
    readonly sub: string;
  }>;
}

export interface Federating {
  readonly provider?: object;
  readonly domain?: object;
  readonly id?: string;
  readonly domainName?: string;
}

let made = 0;

/** Makes `issuer` the provider of a domain of its own. */
export async function federate(
  test: TestBase & { readonly issuer?: string },
  issuer: string,
  { provider = {}, domain: settings = {}, ...named }: Federating = {},
): Promise<Organisation> {
  made += 1;
  const { id = `contoso-${made}`, domainName: domain = `contoso-${made}.example` } = named;
  const changes = { displayName: `Contoso ${made}`, issuer, clientId: 'latchkey', ...provider };
  const ourIssuer = test.issuer ?? test.base.config.issuer;
  await test.work((work) => createProvider(work, { id, changes, clientSecret, ourIssuer }));
  await test.work((work) => createDomain(work, { name: domain, providerId: id, changes: settings }));
  const name = () => `person-${randomBytes(5).toString('hex')}@${domain}`;
  return {
    ...{ id, domain, issuer, name },
    async member({ allowedAdministrator, userName = name() } = {}) {
      const user = await test.user(userName);
      const sub = `sub-of-${userName.split('@')[0]}`;
      await test.work((work) => linkIdentity(work, { user: user.id, providerId: id, sub, allowedAdministrator }));
      return { id: user.id, userName, sub };
    },
  };
}

/** A mock of its own for each organisation of a test. */
export async function anOrganisation(
  test: TestBase & { readonly issuer?: string },
  settings?: Federating,
): Promise<Organisation & { readonly mock: MockUpstream }> {
  const mock = await startMockUpstream();
  return { ...(await federate(test, mock.issuer, settings)), mock };
}

/** What the mock says of whoever signs in there. */
export function signsInAs(mock: MockUpstream, claims: { readonly sub: string } & Record<string, unknown>): void {
  mock.claims = claims;
  mock.userinfo = { sub: claims.sub };
}

/** Where a mock sends the browser back to, for one that was stopped on its way there. */
export async function wayBack(departure: URL): Promise<URL> {
  const answer = await fetch(departure, { redirect: 'manual' });
  return new URL(answer.headers.get('location')!);
}

/** Types the name on the first page. */
export function identify(browser: CookieBrowser, userName: string): Promise<Page> {
  return browser.submit({ formWith: 'identify', button: 'continue', fields: { username: userName } });
}
