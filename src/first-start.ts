import type { Config } from './config.ts';
import { AppError } from './core/errors.ts';
import { underAdvisoryLock } from './database/connect.ts';
import { inGroups } from './core/code.ts';
import { issuePass } from './methods/temporary-access-pass/manage-passes.ts';
import { grantRole, hasGlobalAdministrator } from './roles/manage-roles.ts';
import { globalAdministrator } from './roles/role.ts';
import { createUser, getUser } from './users/manage-users.ts';
import { asSystem, type Base } from './wire.ts';

/**
 * Makes the first administrator when there is none and prints address and code, once: the one place a code is printed.
 * On a database of its own nothing is printed that a log collector may keep; the command to run is.
 */
export async function firstStart(base: Base, config: Config): Promise<void> {
  const { adminName } = config;
  await underAdvisoryLock(base.knex, 'first-start', async () => {
    const created = await base.run(asSystem, async (work) => {
      if (await hasGlobalAdministrator(work)) return false;
      const existing = await getUser(work, adminName).catch(ifNotFound);
      const user = existing ?? (await createUser(work, { userPrincipalName: adminName, displayName: 'Administrator' }));
      await grantRole(work, user.id, globalAdministrator.templateId);
      return true;
    });
    if (!created) return;
    if (config.databaseUrl) {
      print([
        `There was no administrator, so ${adminName} was made.`,
        `Give them a pass with: npx latchkey pass issue ${adminName}`,
      ]);
      return;
    }
    const issued = await issuePass(base.run, asSystem, { user: adminName }).catch(ifRefused);
    if (issued instanceof AppError) {
      print([
        `There was no administrator, so ${adminName} was made. They have no pass yet: ${issued.message}`,
        `When that has changed: npx latchkey pass issue ${adminName}`,
      ]);
      return;
    }
    const { code, pass } = issued;
    print([
      `There was no administrator, so ${adminName} was made. Sign in with this pass and create a passkey:`,
      `Address: ${config.issuer}/security-info`,
      `User: ${adminName}`,
      `Code: ${inGroups(code)}`,
      `It works once, until ${pass.expiresAt.toISOString()}. If it ran out: npx latchkey pass issue ${adminName}`,
    ]);
  });
}

function print(lines: readonly string[]): void {
  process.stdout.write(`\n${lines.join('\n')}\n\n`);
}

/** Policy may not allow the pass, by what the seed says; that is no reason not to serve. */
function ifRefused(error: unknown): AppError {
  if (error instanceof AppError && error.code === 'invalid_input') return error;
  throw error;
}

function ifNotFound(error: unknown): undefined {
  if (error instanceof AppError && error.code === 'not_found') return undefined;
  throw error;
}
