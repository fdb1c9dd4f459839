import {
  type AuditRecord,
  pageOfDirectoryAudits,
  pageOfSignIns,
  readDirectoryAudit,
  readSignIn,
} from '../audit/search.ts';
import { AppError } from '../core/errors.ts';
import type { Work } from '../core/work.ts';
import { directoryAuditResource, signInResource } from '../http/graph/audit-resources.ts';
import { parseFilter } from '../http/graph/filter.ts';
import { featureCountsResource, methodCountsResource, registrationResource } from '../http/graph/reports.ts';
import {
  countByFeature,
  countByMethod,
  pageOfRegistrations,
  readRegistration,
} from '../reports/registration-report.ts';
import { asOperator } from '../wire.ts';
import { type Command, everyItem, one, type Options, print, printJson, UsageError, withBase } from './command.ts';

const everybody = { types: 'all', roles: 'all' } as const;

/** What happened, newest first, and who has registered what. */
export const logCommands: Readonly<Record<string, Command>> = {
  'audit list': (operands, values) => {
    none(operands, 'audit list [--filter FILTER] [--top COUNT]');
    return list(values, pageOfDirectoryAudits, directoryAuditResource, (shown) =>
      [shown.activityDateTime, shown.result, shown.activityDisplayName].join('\t'),
    );
  },

  'audit sign-ins': (operands, values) => {
    none(operands, 'audit sign-ins [--filter FILTER] [--top COUNT]');
    return list(values, pageOfSignIns, signInResource, (shown) =>
      [shown.createdDateTime, shown.status.errorCode, shown.userPrincipalName, shown.appDisplayName].join('\t'),
    );
  },

  'audit show': (operands, { json }) => {
    const id = one(operands, 'audit show ID');
    return withBase(async (base) => {
      const shown = await base.run(asOperator, (work) => eitherLog(work, id));
      if (json) printJson(shown);
      else for (const [name, value] of Object.entries(shown)) print(`${name}=${JSON.stringify(value)}\n`);
    });
  },

  'report registrations': ([user, ...rest], { json, filter }) => {
    none(rest, 'report registrations [USER] [--filter FILTER]');
    const asked = filter === undefined ? undefined : parseFilter(filter);
    return withBase(async (base) => {
      const { found, now } = await base.run(asOperator, async (work) => ({
        found:
          user === undefined
            ? await everyItem((page) => pageOfRegistrations(work, { ...page, filter: asked }))
            : [await readRegistration(work, user)],
        now: work.now,
      }));
      const value = found.map((each) => registrationResource(each, now));
      if (json) return printJson(user === undefined ? { value } : value[0]);
      for (const { userPrincipalName, methodsRegistered } of value) {
        print(`${userPrincipalName}\t${methodsRegistered.join(' ')}\n`);
      }
    });
  },

  'report methods': (operands, { json }) => {
    none(operands, 'report methods');
    return withBase(async (base) => {
      const counted = await base.run(asOperator, (work) => countByMethod(work, everybody));
      if (json) return printJson(methodCountsResource(counted, everybody));
      for (const { name, users } of counted.counts) print(`${name}\t${users} of ${counted.total}\n`);
    });
  },

  'report features': (operands, { json }) => {
    none(operands, 'report features');
    return withBase(async (base) => {
      const counted = await base.run(asOperator, (work) => countByFeature(work, everybody));
      if (json) return printJson(featureCountsResource(counted, everybody));
      for (const { name, users } of counted.counts) print(`${name}\t${users} of ${counted.total}\n`);
    });
  },
};

function list<Resource extends object>(
  { json, filter, top = '100' }: Options,
  pageOf: typeof pageOfSignIns,
  resource: (record: AuditRecord) => Resource,
  line: (shown: Resource) => string,
): Promise<void> {
  if (!/^[1-9]\d{0,2}$/.test(top)) throw new UsageError('--top is a whole number from 1 to 999.');
  const asked = { top: Number(top), filter: filter === undefined ? undefined : parseFilter(filter) };
  return withBase(async (base) => {
    const { items } = await base.run(asOperator, (work) => pageOf(work, asked));
    if (json) return printJson({ value: items.map(resource) });
    for (const item of items) print(`${line(resource(item))}\n`);
  });
}

/** An event is in one of the two, and its id says not in which. */
async function eitherLog(work: Work, id: string): Promise<object> {
  try {
    return directoryAuditResource(await readDirectoryAudit(work, id));
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'not_found')) throw error;
    return signInResource(await readSignIn(work, id));
  }
}

function none(operands: readonly string[], form: string): void {
  if (operands.length > 0) throw new UsageError(`Use: latchkey ${form}`);
}
