import type { Filter } from '../core/filter.ts';
import { AppError } from '../core/errors.ts';
import { keysAfter, type Page, type PageAsked, pageOf } from '../core/page.ts';
import type { Work } from '../core/work.ts';
import { permit } from '../roles/permit.ts';
import * as report from './store.ts';

export type { Counted } from './store.ts';

/** What somebody has registered, counted as it is now; people who are disabled are in no report. */
export interface Registration {
  readonly userId: string;
  readonly userPrincipalName: string;
  readonly displayName: string;
  readonly isAdmin: boolean;
  /** In Graph's words and one of ours, `recoveryCode`. A password is none of them. */
  readonly methods: readonly string[];
  /** A passkey, or an authenticator app beside a password. A pass makes nobody registered. */
  readonly isMfaRegistered: boolean;
  /** The same, of what policy lets this user use. */
  readonly isMfaCapable: boolean;
  /** A passkey that policy lets this user use. */
  readonly isPasswordlessCapable: boolean;
}

/** Words of Graph's for whom a report is about. */
export const includedRoles = ['all', 'privilegedAdmin', 'admin', 'user'] as const;
export const includedTypes = ['all', 'member', 'guest'] as const;

export interface Included {
  readonly roles: (typeof includedRoles)[number];
  readonly types: (typeof includedTypes)[number];
}

export interface RegistrationsAsked extends PageAsked {
  readonly filter?: Filter | undefined;
}

/** People by user name, a page at a time. */
export async function pageOfRegistrations(work: Work, asked: RegistrationsAsked): Promise<Page<Registration>> {
  await permit(work, 'reports.read');
  const list = ['registrations', JSON.stringify(asked.filter) ?? ''];
  const [after] = keysAfter(work.secrets, list, asked) ?? [];
  const found = await report.some(work, { filter: asked.filter, after, most: asked.top + 1 });
  return pageOf(work.secrets, list, asked, found, ({ key }) => [key]);
}

export async function countRegistrations(work: Work, filter: Filter | undefined): Promise<number> {
  await permit(work, 'reports.read');
  return report.count(work, filter);
}

/** By object id or user principal name. Fails with `not_found`, also for somebody who is disabled. */
export async function readRegistration(work: Work, idOrName: string): Promise<Registration> {
  await permit(work, 'reports.read');
  const one = await report.one(work, idOrName);
  if (!one) throw new AppError('not_found', 'There is no such user in this report.');
  return one;
}

/** How many people have each method; those that nobody has are not in it. */
export async function countByMethod(work: Work, included: Included): Promise<report.Counted> {
  await permit(work, 'reports.read');
  return report.byMethod(work, included);
}

/** How many people can do what. */
export async function countByFeature(work: Work, included: Included): Promise<report.Counted> {
  await permit(work, 'reports.read');
  return report.byFeature(work, included);
}
