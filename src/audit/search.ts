import { AppError } from '../core/errors.ts';
import type { Filter } from '../core/filter.ts';
import { keysAfter, type Page, type PageAsked, pageOf } from '../core/page.ts';
import type { Work } from '../core/work.ts';
import { permit } from '../roles/permit.ts';
import { conditionOf } from './conditions.ts';
import * as events from './store.ts';
import type { AuditRecord, Log } from './store.ts';

export type { AuditRecord } from './store.ts';

export interface EventsAsked extends PageAsked {
  readonly filter?: Filter | undefined;
  /** Absent: the newest first. */
  readonly oldestFirst?: boolean | undefined;
}

/** What was changed, and what was refused; a page at a time. Fails with `invalid_input` for a filter that the log does not take. */
export async function pageOfDirectoryAudits(work: Work, asked: EventsAsked): Promise<Page<AuditRecord>> {
  await permit(work, 'audit.read');
  return pageOfLog(work, 'directoryAudits', asked);
}

/** Sign-ins that ended, one way or another; a page at a time. */
export async function pageOfSignIns(work: Work, asked: EventsAsked): Promise<Page<AuditRecord>> {
  await permit(work, 'audit.read');
  return pageOfLog(work, 'signIns', asked);
}

/** One event of `directoryAudits`. Fails with `not_found`. */
export async function readDirectoryAudit(work: Work, id: string): Promise<AuditRecord> {
  await permit(work, 'audit.read');
  return oneOf(work, 'directoryAudits', id);
}

/** One event of `signIns`. Fails with `not_found`. */
export async function readSignIn(work: Work, id: string): Promise<AuditRecord> {
  await permit(work, 'audit.read');
  return oneOf(work, 'signIns', id);
}

async function pageOfLog(work: Work, log: Log, asked: EventsAsked): Promise<Page<AuditRecord>> {
  const condition = conditionOf(log, asked.filter);
  const newestFirst = !asked.oldestFirst;
  const list = [log, newestFirst ? 'desc' : 'asc', JSON.stringify(asked.filter ?? null)];
  const after = keysAfter(work.secrets, list, asked);
  const found = await events.some(work.tx, { log, condition, newestFirst, after, most: asked.top + 1 });
  const page = pageOf(work.secrets, list, asked, found, ({ keys }) => keys);
  return { ...page, items: page.items.map(({ record }) => record) };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

async function oneOf(work: Work, log: Log, id: string): Promise<AuditRecord> {
  const record = uuid.test(id) ? await events.byId(work.tx, log, id) : undefined;
  if (!record) throw new AppError('not_found', 'There is no such event.');
  return record;
}
