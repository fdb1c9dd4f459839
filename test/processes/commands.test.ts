import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { newBrowser } from '../support/cookie-browser.ts';
import { enterPass } from '../support/person.ts';
import { processesIn } from '../support/process.ts';
import { expectRefusal } from '../support/ran.ts';
import { type Installation, newInstallation } from './installation.ts';

const seed = {
  users: [{ userPrincipalName: 'seeded@example.com', displayName: 'Seeded' }],
  clients: [{ client_id: 'app', client_secret: 'secret', redirect_uris: ['http://localhost:1/cb'] }],
};

describe('commands', () => {
  test('run beside a provider that serves, and what they do holds at once', async () => {
    const installation = await newInstallation();
    await installation.serve();
    const code = await everyCommand(installation);
    const browser = newBrowser();
    await browser.visit(`${installation.issuer}/security-info`);
    expect((await enterPass(browser, 'joiner@example.com', code)).step).toBe('enrol');
    await revoke(installation);
    expect((await browser.reload()).step).toBe('error');
  });

  test('run where nothing serves, and leave nothing running', async () => {
    const installation = await newInstallation();
    const checked = await installation.run(['check']);
    expect([checked.code, checked.stderr]).toEqual([0, 'There is no database yet. The first start makes it.\n']);
    expect(existsSync(installation.data)).toBe(false);
    expect((await installation.run(['migrate'])).code).toBe(0);
    await everyCommand(installation);
    await revoke(installation);
    expect(processesIn(installation.directory)).toEqual([]);
    const running = await installation.serve();
    expect(running.stdout()).toContain('There was no administrator');
  });
});

/** Returns the code of a pass for joiner@example.com. */
async function everyCommand({ run, directory, issuer, data }: Installation): Promise<string> {
  const done = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(args);
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
    return stdout;
  };
  expect(await done('check')).toBe(
    `The configuration is good.\nIssuer: ${issuer}\nDatabase: embedded in ${data}\nPasskeys are bound to: localhost\n` +
      'Mail: none is sent: LATCHKEY_SMTP_URL is not set\n',
  );
  expect(JSON.parse(await done('check', '--json'))).toMatchObject({ ok: true, issuer, passkeyHost: 'localhost' });
  expect(JSON.parse(await done('migrate', '--json'))).toEqual({ migrated: true });
  writeFileSync(join(directory, 'seed.json'), JSON.stringify(seed));
  expect(await done('apply', 'seed.json')).toBe('Applied seed.json.\n');
  expect(JSON.parse(await done('client', 'list', '--json')).value).toMatchObject([{ client_id: 'app' }]);
  expect(await done('user', 'add', 'joiner@example.com', '--display-name', 'New Joiner')).toMatch(
    /^Made joiner@example\.com\./,
  );
  expect(await done('user', 'list')).toContain('joiner@example.com\tNew Joiner\n');
  expect(await done('user', 'disable', 'seeded@example.com')).toBe('seeded@example.com is disabled.\n');

  const text = await done('pass', 'issue', 'joiner@example.com');
  expect(text).toMatch(
    new RegExp(
      `^Address: ${issuer}/security-info\nCode: [2-9A-HJ-NP-Z-]{19}\nLink: ${issuer}/pass#user=joiner%40example.com&code=[2-9A-HJ-NP-Z]{16}$`,
      'm',
    ),
  );
  const issued = JSON.parse(
    await done('pass', 'issue', 'joiner@example.com', '--lifetime', '90', '--reason', 'new', '--json'),
  );
  expect(issued).toMatchObject({ lifetimeInMinutes: 90, isUsableOnce: true, methodUsabilityReason: 'EnabledByPolicy' });
  expect(issued.handoverUrl).toBe(`${issuer}/pass#user=joiner%40example.com&code=${issued.temporaryAccessPass}`);
  expect(await done('pass', 'extend', 'joiner@example.com', '--lifetime', '100')).toMatch(
    /^The pass works until 20\S+Z, /,
  );
  const extended = await done('pass', 'extend', 'joiner@example.com', '--lifetime', '120', '--json');
  expect(JSON.parse(extended)).toMatchObject({ id: issued.id, lifetimeInMinutes: 120, temporaryAccessPass: null });
  expect(JSON.parse(extended)).not.toHaveProperty('handoverUrl');
  const history = await done('pass', 'history', 'joiner@example.com', '--json');
  expect(JSON.parse(history).value).toMatchObject([{ state: 'replaced', createdBy: { kind: 'operator' } }]);
  expect(await done('pass', 'history', 'joiner@example.com')).toMatch(
    /^20\S+Z\treplaced\tissued 20\S+Z by operator\n$/,
  );
  const list = await done('pass', 'list', '--json');
  expect(JSON.parse(list).value).toContainEqual(
    expect.objectContaining({ id: issued.id, temporaryAccessPass: null, userPrincipalName: 'joiner@example.com' }),
  );
  expect(list + (await done('pass', 'list'))).not.toContain(issued.temporaryAccessPass);
  return issued.temporaryAccessPass;
}

async function revoke({ run }: Installation): Promise<void> {
  const revoked = await run(['pass', 'revoke', 'joiner@example.com', '--json']);
  expect(JSON.parse(revoked.stdout)).toEqual({ revoked: expect.any(String) });
  expectRefusal(await run(['pass', 'revoke', 'joiner@example.com']), 1, /^This user has no such pass\.$/m);
}

test('what was typed wrongly ends with 2 and touches nothing; what is refused ends with 1', async () => {
  const { run, data, directory } = await newInstallation();
  expectRefusal(await run(['frobnicate']), 2, /There is no command "frobnicate"/);
  expectRefusal(await run(['pass', 'issue', 'a@b', '--lifetime', 'long']), 2, /--lifetime is a number of minutes/);
  expect((await run(['help'])).stdout).toMatch(/latchkey pass issue USER/);
  expect(existsSync(data)).toBe(false);
  expectRefusal(await run(['pass', 'issue', 'nobody@example.com']), 1, /^There is no such user\.$/m);
  expect(processesIn(directory)).toEqual([]);
});
