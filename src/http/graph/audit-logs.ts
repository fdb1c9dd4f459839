import type Router from '@koa/router';
import type { Context } from 'koa';
import {
  type AuditRecord,
  type EventsAsked,
  pageOfDirectoryAudits,
  pageOfSignIns,
  readDirectoryAudit,
  readSignIn,
} from '../../audit/search.ts';
import type { Page } from '../../core/page.ts';
import type { Work } from '../../core/work.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import {
  directoryAuditProperties,
  directoryAuditResource,
  signInProperties,
  signInResource,
} from './audit-resources.ts';
import { parseFilter } from './filter.ts';
import { collection, isOldestFirst, listAsked, queryOptions, selecting } from './query.ts';

interface LogShown<Resource extends object> {
  readonly name: string;
  readonly date: string;
  readonly pageOf: (work: Work, asked: EventsAsked) => Promise<Page<AuditRecord>>;
  readonly read: (work: Work, id: string) => Promise<AuditRecord>;
  readonly shown: (record: AuditRecord) => Resource;
  readonly properties: readonly (keyof Resource & string)[];
}

/** `auditLogs`: what was changed or refused, and who signed in. Nothing can be written here. */
export function auditLogRoutes(router: Router, parts: GraphParts, version: Version): void {
  logRoutes(router, parts, version, {
    name: 'directoryAudits',
    date: 'activityDateTime',
    pageOf: pageOfDirectoryAudits,
    read: readDirectoryAudit,
    shown: directoryAuditResource,
    properties: directoryAuditProperties,
  });
  logRoutes(router, parts, version, {
    name: 'signIns',
    date: 'createdDateTime',
    pageOf: pageOfSignIns,
    read: readSignIn,
    shown: signInResource,
    properties: signInProperties,
  });
}

function logRoutes<Resource extends object>(
  router: Router,
  { issuer, run }: GraphParts,
  version: Version,
  log: LogShown<Resource>,
): void {
  const address = `${issuer}/${version}/auditLogs/${log.name}`;
  const contextOf = (select: string) => `${issuer}/${version}/$metadata#auditLogs/${log.name}${select}`;

  router.get(`/auditLogs/${log.name}`, async (ctx: Context) => {
    const options = queryOptions(ctx, version, ['$select', '$top', '$skiptoken', '$filter', '$orderby']);
    const { top, skipToken } = listAsked(options);
    const filter = options.$filter === undefined ? undefined : parseFilter(options.$filter);
    const oldestFirst = isOldestFirst(options.$orderby, log.date);
    const select = selecting<Resource>(options.$select, log.properties);
    const page = await run(whoOf(ctx), (work) => log.pageOf(work, { top, skipToken, filter, oldestFirst }));
    ctx.body = collection(address, contextOf(select.context), options, page, (record) => select.cut(log.shown(record)));
  });

  router.get(`/auditLogs/${log.name}/:event`, async (ctx) => {
    const { $select } = queryOptions(ctx, version, ['$select']);
    const select = selecting<Resource>($select, log.properties);
    const record = await run(whoOf(ctx), (work) => log.read(work, ctx.params.event!));
    ctx.body = { '@odata.context': `${contextOf(select.context)}/$entity`, ...select.cut(log.shown(record)) };
  });
}
