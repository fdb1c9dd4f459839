/** Latchkey behind Latchkey: one house signs people in for another. The provider has a host name of its own, as its cookies need. */
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { startLogoutDelivery } from '../../src/sessions/delivery.ts';
import type { User } from '../../src/users/user.ts';
import type { CookieBrowser, Page } from './cookie-browser.ts';
import { type Federating, federate, identify, type Organisation } from './federation.ts';
import { clientSecret } from './hostile-upstream.ts';
import { startHouse, type TestHouse } from './house.ts';
import { joinWithPass, usePasskey } from './person.ts';
import { newAuthenticator, type SoftwareAuthenticator } from './software-authenticator.ts';

const patient = { LATCHKEY_THROTTLES: JSON.stringify({ source: { most: 10_000 } }) };

export interface Behind {
  /** Whose apps people want to go to. */
  readonly hub: TestHouse;
  /** Where people have their accounts. */
  readonly organisation: TestHouse;
  /** Makes the organisation a provider of the hub, for a domain of its own, on both sides. */
  trust(settings?: Trust): Promise<Trusted>;
  /** Takes the organisation's logout tokens to the hub, then the hub's to its apps. */
  deliverLogouts(): Promise<void>;
  close(): Promise<void>;
}

export interface Trust extends Federating {
  readonly provider?: { readonly clientAuthentication?: string; readonly [setting: string]: unknown };
}

export interface Trusted extends Organisation {
  /** A user of the organisation, and of nobody else. */
  colleague(): Promise<User>;
}

export async function startTwoHouses(): Promise<Behind> {
  const hub = await startHouse(patient);
  const organisation = await startHouse(patient, { hostName: 'organisation.localhost' });
  // Their rounds are driven by the tests.
  const deliveries = [organisation, hub].map(({ base, logouts }) =>
    startLogoutDelivery({ run: base.run, ...logouts, log: pino({ level: 'silent' }), everyMs: 3_600_000 }),
  );
  return {
    hub,
    organisation,
    async trust({ provider = {}, ...more } = {}) {
      const clientId = `hub-${randomBytes(4).toString('hex')}`;
      const its = await federate(hub, organisation.issuer, { ...more, provider: { clientId, ...provider } });
      const { clientAuthentication: token_endpoint_auth_method = 'client_secret_basic' } = provider;
      const ours = `${hub.issuer}/federation/${its.id}`;
      await organisation.seed({
        clients: [
          {
            ...{ client_id: clientId, client_name: 'Hub', client_secret: clientSecret, token_endpoint_auth_method },
            redirect_uris: [`${ours}/callback`],
            post_logout_redirect_uris: [`${ours}/signed-out`],
            backchannel_logout_uri: `${ours}/backchannel-logout`,
          },
        ],
      });
      return { ...its, colleague: () => organisation.user(its.name()) };
    },
    async deliverLogouts() {
      for (const delivery of deliveries) await delivery.round();
    },
    async close() {
      for (const delivery of deliveries) await delivery.stop();
      await hub.close();
      await organisation.close();
    },
  };
}

/** Gives somebody a pass and lets them make a passkey with it, in the browser that is at the first page of that house. */
export async function joins(
  house: TestHouse,
  browser: CookieBrowser,
  userName: string,
): Promise<SoftwareAuthenticator> {
  const authenticator = newAuthenticator();
  await joinWithPass(browser, authenticator, userName, await house.pass(userName));
  return authenticator;
}

/** From the hub's app to the organisation's first page, whose name field is filled in. */
export async function leaves(browser: CookieBrowser, userName: string): Promise<Page> {
  await identify(browser, userName);
  return browser.click('use-upstream');
}

/** Signs in there with a passkey, and comes back; the name is filled in, or known from before. */
export async function signsInThere(browser: CookieBrowser, authenticator: SoftwareAuthenticator): Promise<Page> {
  if (browser.page.step === 'identify') await browser.click('continue');
  return usePasskey(browser, authenticator);
}
