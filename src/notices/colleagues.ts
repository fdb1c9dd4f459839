import type { AuditEvent } from '../core/audit-event.ts';
import type { Work } from '../core/work.ts';
import { administratorIds, templateIdsOf, thoseWhoMayIssueFor } from '../roles/manage-roles.ts';

export interface ToldColleagues {
  readonly kind: 'approvalAsked' | 'approvalGiven' | 'approvalRefused' | 'operatorIssued' | 'manyFailures';
  /** Whose account it is about; absent when it is nobody's. */
  readonly about?: string;
  readonly colleagues: readonly string[];
}

/**
 * What administrators are told of what others do: who may approve hears of a request, who asked hears of the answer, and when
 * the command line on the machine gives a pass to somebody with a role, everybody with a role hears of it. So they do when many sign-ins fail.
 */
export async function colleaguesOf(
  work: Pick<Work, 'tx' | 'actor'>,
  { type, userId: about, details }: AuditEvent,
): Promise<ToldColleagues | undefined> {
  if (type === 'sign-in.many-failures') {
    return details?.mailed === true ? { kind: 'manyFailures', colleagues: await administratorIds(work) } : undefined;
  }
  if (about === undefined) return undefined;
  const others = (ids: readonly string[]) =>
    ids.filter((id) => id !== about && !(work.actor.kind === 'user' && work.actor.userId === id));
  switch (type) {
    case 'pass.approval-asked':
      return { kind: 'approvalAsked', about, colleagues: others(await thoseWhoMayIssueFor(work, about)) };
    case 'pass.approval-approved':
      return { kind: 'approvalGiven', about, colleagues: others(askedBy(details)) };
    case 'pass.approval-rejected':
      return { kind: 'approvalRefused', about, colleagues: others(askedBy(details)) };
    case 'pass.issued':
      if (work.actor.kind !== 'operator' || (await templateIdsOf(work, about)).length === 0) return undefined;
      return { kind: 'operatorIssued', about, colleagues: others(await administratorIds(work)) };
    default:
      return undefined;
  }
}

/**
 * What was changed of the places that people come from, for people to read; undefined for nothing. Whoever gets a domain into the
 * hands of a provider of theirs gets its people: everybody with a role hears of it.
 */
export function federationChange(events: readonly AuditEvent[]): string | undefined {
  const names = events
    .filter(({ result, type }) => result !== 'failure' && type !== 'identity-provider.tested')
    .flatMap(({ type, details }) => {
      if (type.startsWith('identity-provider.')) return [`identity provider ${String(details?.identityProvider)}`];
      return type.startsWith('domain.') ? [`domain ${String(details?.domain)}`] : [];
    });
  return names.length === 0 ? undefined : [...new Set(names)].join(', ');
}

function askedBy(details: AuditEvent['details']): readonly string[] {
  return typeof details?.askedBy === 'string' ? [details.askedBy] : [];
}
