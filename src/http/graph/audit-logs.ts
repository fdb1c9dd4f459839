import type Router from '@koa/router';
import type { z } from 'zod';
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
import { directoryAuditResource, directoryAuditShape, signInResource, signInShape } from './audit-resources.ts';
import { parseFilter } from './filter.ts';
import { endpoints, ok } from './endpoint.ts';
import { collection, isOldestFirst, listAsked, selecting } from './query.ts';
import { entity, pageOf, selected } from './shape.ts';

interface LogShown {
  readonly name: string;
  readonly words: string;
  readonly date: string;
  readonly pageOf: (work: Work, asked: EventsAsked) => Promise<Page<AuditRecord>>;
  readonly read: (work: Work, id: string) => Promise<AuditRecord>;
  readonly shape: z.ZodObject;
  readonly shown: (record: AuditRecord) => Readonly<Record<string, unknown>>;
}

/** `auditLogs`: what was changed or refused, and who signed in. Nothing can be written here. */
export function auditLogRoutes(router: Router, parts: GraphParts, version: Version): void {
  logRoutes(router, parts, version, {
    name: 'directoryAudits',
    words: 'what was changed or refused',
    date: 'activityDateTime',
    pageOf: pageOfDirectoryAudits,
    read: readDirectoryAudit,
    shape: directoryAuditShape,
    shown: directoryAuditResource,
  });
  logRoutes(router, parts, version, {
    name: 'signIns',
    words: 'sign-ins',
    date: 'createdDateTime',
    pageOf: pageOfSignIns,
    read: readSignIn,
    shape: signInShape,
    shown: signInResource,
  });
}

function logRoutes(router: Router, { issuer, run }: GraphParts, version: Version, log: LogShown): void {
  const route = endpoints(router, version, 'Logs');
  const properties = log.shape.keyof().options;
  const address = `${issuer}/${version}/auditLogs/${log.name}`;
  const contextOf = (select: string) => `${issuer}/${version}/$metadata#auditLogs/${log.name}${select}`;

  route.get(
    `/auditLogs/${log.name}`,
    {
      summary: `List ${log.words}`,
      opens: ['audit.read'],
      query: ['$select', '$top', '$skiptoken', '$filter', '$orderby'],
      answer: ok(pageOf(selected(log.shape))),
    },
    async (ctx, { options }) => {
      const { top, skipToken } = listAsked(options);
      const filter = options.$filter === undefined ? undefined : parseFilter(options.$filter);
      const oldestFirst = isOldestFirst(options.$orderby, log.date);
      const select = selecting<Readonly<Record<string, unknown>>>(options.$select, properties);
      const page = await run(whoOf(ctx), (work) => log.pageOf(work, { top, skipToken, filter, oldestFirst }));
      return collection(address, contextOf(select.context), options, page, (record) => select.cut(log.shown(record)));
    },
  );

  route.get(
    `/auditLogs/${log.name}/:event`,
    {
      summary: `Read one event of ${log.words}`,
      opens: ['audit.read'],
      query: ['$select'],
      answer: ok(entity(selected(log.shape))),
    },
    async (ctx, { options: { $select } }) => {
      const select = selecting<Readonly<Record<string, unknown>>>($select, properties);
      const record = await run(whoOf(ctx), (work) => log.read(work, ctx.params.event!));
      return { '@odata.context': `${contextOf(select.context)}/$entity`, ...select.cut(log.shown(record)) };
    },
  );
}
