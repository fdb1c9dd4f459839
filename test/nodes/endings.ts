import { expect, test } from 'vitest';
import { newAuthenticator } from '../support/software-authenticator.ts';
import type { TwoNodes } from '../support/two-nodes.ts';
import { overlapping, peopleOf, soon } from './people.ts';
import { figures, inTurns, long, newVisitor, type Standing, tally } from './visitor.ts';

const rounds = long ? 300 : 20;
const redeeming = long ? 1_000 : 40;

/** What ends a pass while it is being used: after that was answered nothing of it goes on (RULES 1.2, security.md 2.11). */
export function endings(theNodes: () => TwoNodes): void {
  const people = peopleOf(theNodes);

  test.each<[string, (user: string) => Promise<unknown>]>([
    ['a pass revoked', (user) => people.revoke(user)],
    ['a user disabled', (user) => people.setEnabled(user, false)],
    ['a user deleted', (user) => people.remove(user)],
  ])(
    '%s while the pass is entered: whoever was first, afterwards it opens nothing',
    async (what, happens) => {
      const begun = performance.now();
      const race = overlapping();
      const holders = await people.named(what.replaceAll(' ', '-'), redeeming);
      const ends = await inTurns(holders, 3, async (user) => {
        const { visitor, code } = await people.atVerify(user);
        await race(
          () => visitor.enter(code),
          () => happens(user),
        );
        return people.opensNothing(visitor, user, code);
      });
      figures(`${redeeming} × ${what} ∥ redeem`, begun, tally(ends));
      // Both orders came about, or it was no race.
      expect(Object.keys(tally(ends)).length).toBeGreaterThan(1);
    },
    1_200_000,
  );

  test('a pass replaced while it is entered: the old one opens nothing afterwards, and the new one does', async () => {
    const begun = performance.now();
    const ends: Standing[] = [];
    for (const user of await people.named('replaced', rounds)) {
      const { visitor, code } = await people.atVerify(user);
      const entered = soon(() => visitor.enter(code));
      const [, newer] = await Promise.all([entered, soon(() => theNodes().pass(user))]);
      ends.push(await people.opensNothing(visitor, user, code));
      await visitor.enter(newer);
      expect(await visitor.look()).toBe('enrol');
    }
    figures(`${rounds} × replace ∥ redeem`, begun, tally(ends));
  }, 600_000);

  test('a pass revoked while its passkey is registered: no passkey appears after the answer', async () => {
    const begun = performance.now();
    const ends: string[] = [];
    for (const user of await people.named('cut', rounds)) {
      const { visitor, enrol } = await people.atEnrol(user);
      const revoked = soon(() => people.revoke(user).then(() => people.passkeysOf(user)));
      const [, atAnswer] = await Promise.all([soon(enrol), revoked]);
      expect(await people.passkeysOf(user)).toBe(atAnswer);
      ends.push(await people.goesNowhere(visitor), `${atAnswer} passkeys`);
    }
    figures(`${rounds} × revoke ∥ enrol`, begun, tally(ends));
  }, 600_000);

  test('a user disabled while the passkey is registered: the sign-in ends, and the passkey opens nothing', async () => {
    const begun = performance.now();
    const ends: string[] = [];
    for (const user of await people.named('disabled', rounds)) {
      const { visitor, enrol, authenticator } = await people.atEnrol(user);
      await Promise.all([soon(enrol), soon(() => people.setEnabled(user, false))]);
      ends.push(await people.goesNowhere(visitor), `${await people.passkeysOf(user)} passkeys`);
      const later = await newVisitor(theNodes());
      await later.post('verify/passkey', await people.signed(later, authenticator));
      expect(await later.look()).toBe('identify');
    }
    figures(`${rounds} × disable ∥ enrol`, begun, tally(ends));
  }, 600_000);

  test('a user disabled while signing in with a passkey: enabled again, the passkey works', async () => {
    const begun = performance.now();
    const ends: Standing[] = [];
    const [user] = (await people.named('paused', 1)) as [string];
    const { enrol, authenticator } = await people.atEnrol(user);
    await enrol();
    for (let round = 0; round < rounds; round += 1) {
      const visitor = await newVisitor(theNodes());
      const answer = await people.signed(visitor, authenticator);
      await Promise.all([visitor.post('verify/passkey', answer), soon(() => people.setEnabled(user, false), 15)]);
      ends.push(await visitor.look());
      await people.setEnabled(user, true);
    }
    figures(`${rounds} × disable ∥ sign in with a passkey`, begun, tally(ends));
    const later = await newVisitor(theNodes());
    await later.post('verify/passkey', await people.signed(later, authenticator));
    expect(await later.look()).toBe('complete');
  }, 600_000);

  test('a user deleted while signing in with a passkey: afterwards no app is told anything', async () => {
    const begun = performance.now();
    const ends: string[] = [];
    const race = overlapping();
    for (const user of await people.named('gone', rounds)) {
      const { enrol, authenticator } = await people.atEnrol(user);
      await enrol();
      const visitor = await newVisitor(theNodes());
      const answer = await people.signed(visitor, authenticator);
      await race(
        () => visitor.post('verify/passkey', answer),
        () => people.remove(user),
      );
      ends.push(await visitor.look());
      await visitor.browser.visit(`${theNodes().issuer}/auth/${visitor.uid}`);
      expect(visitor.browser.page.url).not.toContain('code=');
    }
    figures(`${rounds} × delete ∥ sign in with a passkey`, begun, tally(ends));
  }, 600_000);

  test('two tabs that register at once add one passkey, and the other tab goes on with it', async () => {
    for (const user of await people.named('tabs', rounds / 2)) {
      const { visitor, code, enrol, authenticator } = await people.atEnrol(user);
      const second = await people.otherTab(visitor, user, code);
      const other = newAuthenticator();
      await Promise.all([soon(enrol, 3), soon(await people.prepared(second, other), 3)]);
      expect(await people.passkeysOf(user)).toBe(1);

      expect([await visitor.look(), await second.look()]).toEqual(['confirm', 'confirm']);
      // One of the two authenticators holds it, and either tab takes its answer.
      const answer = await people.signed(second, authenticator).catch(() => people.signed(second, other));
      await second.post('verify/passkey', answer);
      expect(await second.look()).toBe('complete');
    }
  }, 600_000);
}
