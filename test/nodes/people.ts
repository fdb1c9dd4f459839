import { expect } from 'vitest';
import { revokePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { deletePerson } from '../../src/people.ts';
import { changeUser, getUser } from '../../src/users/manage-users.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';
import type { TwoNodes } from '../support/two-nodes.ts';
import { aMoment, newVisitor, type Standing, times, type Visitor } from './visitor.ts';

export interface Registration {
  readonly visitor: Visitor;
  readonly code: string;
  readonly authenticator: SoftwareAuthenticator;
  /** The last request of the registration; all before it has been done. */
  readonly enrol: () => Promise<unknown>;
}

/** People with passes at the steps of a sign-in, and what an operator does meanwhile. */
export function peopleOf(theNodes: () => TwoNodes) {
  return {
    async named(name: string, count: number): Promise<string[]> {
      const names = times(count, (index) => `${name}-${index}@example.com`);
      for (const user of names) await theNodes().user(user);
      return names;
    },

    async atVerify(user: string): Promise<{ visitor: Visitor; code: string }> {
      const [visitor, code] = await Promise.all([newVisitor(theNodes()), theNodes().pass(user)]);
      await visitor.identify(user);
      return { visitor, code };
    },

    async atEnrol(user: string): Promise<Registration> {
      const { visitor, code } = await this.atVerify(user);
      await visitor.enter(code);
      const authenticator = newAuthenticator();
      return { visitor, code, authenticator, enrol: await this.prepared(visitor, authenticator) };
    },

    async prepared(visitor: Visitor, authenticator: SoftwareAuthenticator): Promise<() => Promise<unknown>> {
      const options = await visitor.postJson('enrol/passkey/options');
      const response = await authenticator.create(options.json() as never, { origin: theNodes().issuer });
      return () => visitor.post('enrol/passkey', { response: JSON.stringify(response) });
    },

    /** The answer of the ceremony that the page asks for, to be posted to `verify/passkey`. */
    async signed(visitor: Visitor, authenticator: SoftwareAuthenticator): Promise<{ response: string }> {
      const options = await visitor.postJson('challenge/passkey');
      const response = await authenticator.get(options.json() as never, { origin: theNodes().issuer });
      return { response: JSON.stringify(response) };
    },

    /** The same browser, another sign-in, the same pass. */
    async otherTab(visitor: Visitor, user: string, code: string): Promise<Visitor> {
      const second = await newVisitor(theNodes(), visitor.browser);
      await second.identify(user);
      await second.enter(code);
      return second;
    },

    /** No page goes on but to the name, and neither does the code entered once more. Leaves the visitor where a code is asked for. */
    async opensNothing(visitor: Visitor, user: string, code: string): Promise<Standing> {
      const end = await this.goesNowhere(visitor);
      if (end === 'ended') await visitor.restart();
      await visitor.identify(user);
      await visitor.enter(code);
      expect(await visitor.look()).toBe('refused');
      return end;
    },

    async goesNowhere(visitor: Visitor): Promise<Standing> {
      const end = await visitor.look();
      expect(['refused', 'ended', 'identify']).toContain(end);
      expect((await visitor.postJson('enrol/passkey/options')).status).toBe(409);
      return end;
    },

    revoke: (user: string) => theNodes().work((work) => revokePass(work, { user })),

    remove: (user: string) => theNodes().work((work) => deletePerson(work, user)),

    setEnabled: (user: string, enabled: boolean) =>
      theNodes().work(async (work) => changeUser(work, await getUser(work, user), { enabled })),

    passkeysOf: (user: string): Promise<number> =>
      theNodes().work(async (work) => {
        const { id } = await getUser(work, user);
        return (await work.tx('passkeys').where('user_id', '=', id)).length;
      }),
  };
}

/** Within about the time an entry takes, so that either of two may be first. */
export async function soon<T>(act: () => Promise<T>, mostMs = 60): Promise<T> {
  await aMoment(mostMs);
  return act();
}

/**
 * Runs two works so that either may be first, whatever they cost here and now: one begins before the other by up to about as
 * long as it took the last times. Keep one for a race.
 */
export function overlapping() {
  let [tookOne, tookOther] = [20, 20];
  async function timed<T>(act: () => Promise<T>, afterMs: number, note: (ms: number) => void): Promise<T> {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, afterMs)));
    const begun = performance.now();
    try {
      return await act();
    } finally {
      note(performance.now() - begun);
    }
  }
  return <A, B>(one: () => Promise<A>, other: () => Promise<B>): Promise<[A, B]> => {
    const lead = Math.random() * (1.4 * tookOne + tookOther) - tookOther;
    return Promise.all([
      timed(one, -lead, (ms) => {
        tookOne = (tookOne + ms) / 2;
      }),
      timed(other, lead, (ms) => {
        tookOther = (tookOther + ms) / 2;
      }),
    ]);
  };
}
