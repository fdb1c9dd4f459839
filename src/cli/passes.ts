import { approvalResource, endedPassResource, issuedPassResource, passResource } from '../http/graph/resources.ts';
import { handoverUrl } from '../http/pass/link.ts';
import { inGroups } from '../core/code.ts';
import { AppError } from '../core/errors.ts';
import {
  currentPass,
  extendPass,
  issuePass,
  listPasses,
  passHistory,
  revokePass,
} from '../methods/temporary-access-pass/manage-passes.ts';
import { passState, waysToVerify } from '../methods/temporary-access-pass/pass.ts';
import { approvalState, type Decision } from '../methods/temporary-access-pass/approvals/approval.ts';
import { decideApproval, pageOfApprovals } from '../methods/temporary-access-pass/approvals/manage-approvals.ts';
import { asOperator } from '../wire.ts';
import { type Command, one, print, printJson, UsageError, withBase } from './command.ts';

export const passCommands: Readonly<Record<string, Command>> = {
  'pass issue': (operands, values) => {
    const user = one(operands, 'pass issue USER');
    const { purpose } = values;
    if (purpose !== undefined && purpose !== 'registration' && purpose !== 'signIn') {
      throw new UsageError('--purpose is registration or signIn.');
    }
    const verifiedBy = values['verified-by'];
    if (verifiedBy !== undefined && !waysToVerify.some((way) => way === verifiedBy)) {
      throw new UsageError(`--verified-by is one of ${waysToVerify.join(', ')}.`);
    }
    const asked = {
      user,
      startsAt: values.start === undefined ? undefined : moment(values.start),
      lifetimeMinutes: values.lifetime === undefined ? undefined : minutes(values.lifetime),
      oneTime: values.reusable ? false : undefined,
      purpose,
      reason: within(values.reason, 1000, '--reason'),
      ticket: within(values.ticket, 200, '--ticket'),
      verifiedBy,
    } as const;
    return withBase(async (base) => {
      const issued = await issuePass(base.run, asOperator, asked);
      const { pass, code, user: issuedTo } = issued;
      const { issuer } = base.config;
      if (values.json) return printJson(issuedPassResource(issued, issuer));
      print(
        `A pass for ${issuedTo.userPrincipalName}. It is shown this once.\n` +
          `Address: ${issuer}/security-info\nCode: ${inGroups(code)}\n` +
          `Link: ${handoverUrl(issuer, issuedTo.userPrincipalName, code)}\n` +
          `Works from ${pass.startsAt.toISOString()} until ${pass.expiresAt.toISOString()}${pass.oneTime ? ', once' : ''}.\n`,
      );
    });
  },

  'pass list': (_operands, { json }) =>
    withBase(async (base) => {
      const found = await base.run(asOperator, async (work) => ({ ...(await listPasses(work)), now: work.now }));
      if (json) {
        const value = found.passes.map((pass) => ({
          ...passResource(pass, pass.settings, found.now),
          userPrincipalName: pass.userPrincipalName,
        }));
        return printJson({ value });
      }
      for (const pass of found.passes) {
        print(`${pass.userPrincipalName}\t${passState(pass, found.now)}\tuntil ${pass.expiresAt.toISOString()}\n`);
      }
    }),

  'pass show': (operands, { json }) => {
    const user = one(operands, 'pass show USER');
    return withBase(async (base) => {
      const { pass, settings, now } = await base.run(asOperator, async (work) => ({
        ...(await currentPass(work, user)),
        now: work.now,
      }));
      if (!pass) throw new AppError('not_found', 'This user has no pass.');
      if (json) return printJson(passResource(pass, settings, now));
      print(
        `${passState(pass, now)}, from ${pass.startsAt.toISOString()} until ${pass.expiresAt.toISOString()}${pass.oneTime ? ', once' : ''}\n`,
      );
    });
  },

  'pass approvals': (_operands, { json }) =>
    withBase(async (base) => {
      const { items, now } = await base.run(asOperator, async (work) => ({
        ...(await pageOfApprovals(work, { top: 999 })),
        now: work.now,
      }));
      if (json) return printJson({ value: items.map((approval) => approvalResource(approval, now)) });
      for (const approval of items) {
        print(`${approval.id}\t${approvalState(approval, now)}\tuntil ${approval.lapsesAt.toISOString()}\n`);
      }
    }),

  'pass approve': (operands, { json }) => decide(one(operands, 'pass approve ID'), 'approved', json),
  'pass reject': (operands, { json }) => decide(one(operands, 'pass reject ID'), 'rejected', json),

  'pass extend': (operands, { json, lifetime }) => {
    const user = one(operands, 'pass extend USER --lifetime MINUTES');
    if (lifetime === undefined) throw new UsageError('--lifetime says how many minutes the pass lasts from its start.');
    const lifetimeMinutes = minutes(lifetime);
    return withBase(async (base) => {
      const found = await base.run(asOperator, async (work) => ({
        ...(await extendPass(work, { user, lifetimeMinutes })),
        now: work.now,
      }));
      if (json) return printJson(passResource(found.pass, found.settings, found.now));
      print(`The pass works until ${found.pass.expiresAt.toISOString()}, with the code it has.\n`);
    });
  },

  'pass history': (operands, { json }) => {
    const user = one(operands, 'pass history USER');
    return withBase(async (base) => {
      const { passes } = await base.run(asOperator, (work) => passHistory(work, user));
      if (json) return printJson({ value: passes.map(({ pass, end }) => endedPassResource(pass, end)) });
      for (const { pass, end } of passes) {
        const by = pass.issuedById ? `${pass.issuedByKind} ${pass.issuedById}` : pass.issuedByKind;
        print(`${end.at.toISOString()}\t${end.reason}\tissued ${pass.issuedAt.toISOString()} by ${by}\n`);
      }
    });
  },

  'pass revoke': (operands, { json }) => {
    const user = one(operands, 'pass revoke USER');
    return withBase(async (base) => {
      const pass = await base.run(asOperator, (work) => revokePass(work, { user }));
      if (json) printJson({ revoked: pass.id });
      else print('The pass no longer works, and what it opened has ended.\n');
    });
  },
};

// As long as the API takes them.
function within(text: string | undefined, most: number, option: string): string | undefined {
  if (text !== undefined && text.length > most) throw new UsageError(`${option} takes ${most} characters at most.`);
  return text;
}

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

function decide(id: string, decision: Decision, json: boolean | undefined): Promise<void> {
  return withBase(async (base) => {
    const { decided, now } = await base.run(asOperator, async (work) => ({
      decided: await decideApproval(work, id, decision),
      now: work.now,
    }));
    if (json) printJson(approvalResource(decided, now));
    else print(`${decision === 'approved' ? 'Approved' : 'Rejected'}.\n`);
  });
}
