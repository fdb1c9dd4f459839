import { passResource } from '../http/graph/resources.ts';
import { inGroups } from '../methods/temporary-access-pass/code.ts';
import { issuePass, listPasses, revokePass } from '../methods/temporary-access-pass/manage-passes.ts';
import { passState } from '../methods/temporary-access-pass/pass.ts';
import { readPassSettings } from '../methods/temporary-access-pass/settings.ts';
import { asOperator } from '../wire.ts';
import { type Command, one, print, printJson, UsageError, withBase } from './command.ts';

export const passCommands: Readonly<Record<string, Command>> = {
  'pass issue': (operands, values) => {
    const user = one(operands, 'pass issue USER');
    const { purpose } = values;
    if (purpose !== undefined && purpose !== 'registration' && purpose !== 'signIn') {
      throw new UsageError('--purpose is registration or signIn.');
    }
    const asked = {
      user,
      startsAt: values.start === undefined ? undefined : moment(values.start),
      lifetimeMinutes: values.lifetime === undefined ? undefined : minutes(values.lifetime),
      oneTime: values.reusable ? false : undefined,
      purpose,
      reason: values.reason,
    } as const;
    return withBase(async (base) => {
      const { pass, code, user: issuedTo } = await issuePass(base.run, asOperator, asked);
      const settings = await base.run(asOperator, readPassSettings);
      if (values.json) return printJson(passResource(pass, settings, pass.issuedAt, code));
      print(
        `A pass for ${issuedTo.userPrincipalName}. It is shown this once.\n` +
          `Address: ${base.config.issuer}/security-info\nCode: ${inGroups(code)}\n` +
          `Works from ${pass.startsAt.toISOString()} until ${pass.expiresAt.toISOString()}${pass.oneTime ? ', once' : ''}.\n`,
      );
    });
  },

  'pass list': (_operands, { json }) =>
    withBase(async (base) => {
      const found = await base.run(asOperator, async (work) => ({ ...(await listPasses(work)), now: work.now }));
      if (json) {
        const value = found.passes.map((pass) => ({
          ...passResource(pass, found.settings, found.now, null),
          userPrincipalName: pass.userPrincipalName,
        }));
        return printJson({ value });
      }
      for (const pass of found.passes) {
        print(`${pass.userPrincipalName}\t${passState(pass, found.now)}\tuntil ${pass.expiresAt.toISOString()}\n`);
      }
    }),

  'pass revoke': (operands, { json }) => {
    const user = one(operands, 'pass revoke USER');
    return withBase(async (base) => {
      const pass = await base.run(asOperator, (work) => revokePass(work, { user }));
      if (json) printJson({ revoked: pass.id });
      else print('The pass no longer works, and what it opened has ended.\n');
    });
  },
};

function minutes(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new UsageError('--lifetime is a number of minutes.');
  return Number(text);
}

function moment(text: string): Date {
  const at = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/i.test(text) || Number.isNaN(at.getTime())) {
    throw new UsageError('--start is a date and time with its zone, such as 2026-11-21T09:00:00Z.');
  }
  return at;
}
