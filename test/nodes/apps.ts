import { randomBytes } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { operator } from '../../src/core/actor.ts';
import type { EnrollableMethod } from '../../src/methods/method.ts';
import { methodRegistry } from '../../src/methods/registry.ts';
import { resetPassword } from '../../src/password-reset.ts';
import { asOperator } from '../support/house.ts';
import { scan, type SoftwareAuthenticatorApp } from '../support/software-authenticator-app.ts';
import type { TwoNodes } from '../support/two-nodes.ts';
import { figures, inTurns, long, newVisitor, tally, times, type Visitor } from './visitor.ts';

const newPassword = 'plum lantern over quiet tuba';
const atOnce = 8; // under the ten guesses that an account has from anywhere

/** A code of an authenticator app is good once, whichever process it comes to: security.md T46. */
export function apps(theNodes: () => TwoNodes): void {
  let nodes: TwoNodes;
  let methods: ReturnType<typeof methodRegistry>;
  beforeAll(() => {
    nodes = theNodes();
    methods = methodRegistry({ rpId: 'localhost', rpName: 'Latchkey', origin: nodes.issuer });
  });

  const now = () => nodes.work(async (work) => work.now);

  /** Somebody with a password, and an app that was added with the code of the step before. */
  async function anOwner(name: string): Promise<SoftwareAuthenticatorApp> {
    const { id: userId } = await nodes.user(name);
    await resetPassword(nodes.run, asOperator, { methods, user: name, newPassword });
    const method = methods.get('authenticator-app') as EnrollableMethod;
    const enrolment = { owner: randomBytes(32), userId, passId: null, endsAt: null, device: null };
    const run = { actor: operator, origin: asOperator.origin };
    const { uri } = (await nodes.run(run, (work) => method.beginEnrolment(work, enrolment))) as { uri: string };
    const app = scan(uri);
    const code = app.code(await now(), -1);
    const candidate = await nodes.run(run, (work) => method.readEnrolment(work, enrolment, { code }));
    const proof = await method.checkEnrolment(candidate);
    const kept = await nodes.run(run, (work) => method.keepEnrolment(work, enrolment, candidate, proof));
    expect(kept.enrolled).toBe(true);
    return app;
  }

  async function afterPassword(name: string): Promise<Visitor> {
    const visitor = await newVisitor(nodes);
    await visitor.identify(name);
    await visitor.post('verify/password', { password: newPassword });
    return visitor;
  }

  const rounds = long ? 1_000 : 25;
  test(`the same code at both at once, ${rounds} × ${atOnce}: one gets in each time`, async () => {
    const begun = performance.now();
    const answered = nodes.nodes.map((node) => node.answered);
    const names = times(rounds, (index) => `app-owner-${index}@example.com`);
    const ends = await inTurns(names, 2, async (name) => {
      const app = await anOwner(name);
      const visitors = await inTurns(times(atOnce, String), 4, () => afterPassword(name));
      const code = app.code(await now());
      await Promise.all(visitors.map((visitor) => visitor.post('verify/authenticator-app', { code })));
      const stands = await Promise.all(visitors.map((visitor) => visitor.look()));
      return tally(stands);
    });
    const all = tally(
      ends.flatMap((end) => Object.entries(end).flatMap(([stand, count]) => times(count, () => stand))),
    );
    const byNode = nodes.nodes.map((node, index) => node.answered - answered[index]!);
    figures(`${rounds} codes × ${atOnce} browsers`, begun, { ...all, 'requests by node': byNode });
    expect(ends.filter((end) => end.complete !== 1 || end.refused !== atOnce - 1)).toEqual([]);
    expect(Math.min(...byNode)).toBeGreaterThan(rounds);
  }, 3_600_000);
}
