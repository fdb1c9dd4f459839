import type { AuditEvent } from '../core/audit-event.ts';
import { utcMinute } from '../core/time.ts';
import type { Work } from '../core/work.ts';
import { administratorIds } from '../roles/manage-roles.ts';
import { reachable } from '../users/addresses.ts';
import { noticeMail } from '../../views/mail.ts';
import { openLink } from './links.ts';
import { colleaguesOf, federationChange } from './colleagues.ts';
import { type Notice, noticesOf } from './notice.ts';
import { queueMail } from './outbox.ts';

export type TellingWork = Pick<Work, 'tx' | 'now' | 'secrets' | 'actor'>;

/**
 * Tells people what the events of a work say of their accounts. The composition calls it for every work, next to the audit log:
 * what is recorded is told, whichever door it came through, and no room has to think of it.
 */
export async function tellPeople(work: TellingWork, issuer: string, events: readonly AuditEvent[]): Promise<void> {
  for (const { userId, notice } of noticesOf(events)) await tell(work, { issuer, userId, notice });
  for (const event of events) await tellColleagues(work, event);
  const changed = federationChange(events);
  if (changed !== undefined) await tellAdministrators(work, changed);
}

/**
 * Queues one mail to each known address of the user, in the transaction of the change. Nothing when there is none.
 * Each holds a link to containment, but for the notice of a containment itself.
 */
export async function tell(
  work: TellingWork,
  { issuer, userId, notice }: { readonly issuer: string; readonly userId: string; readonly notice: Notice },
): Promise<void> {
  const user = await reachable(work, userId);
  if (!user || user.addresses.length === 0) return;
  const link = isContainment(notice) ? undefined : await openLink(work, userId);
  const mail = noticeMail({
    kind: notice.kind,
    user: user.userPrincipalName,
    at: utcMinute(work.now),
    ...(link && { link: { url: `${issuer}/not-me?token=${link.token}`, until: utcMinute(link.expiresAt) } }),
  });
  await queueMail(work, { userId, recipients: user.addresses, ...mail });
}

function isContainment({ kind }: Notice): boolean {
  return kind === 'contained' || kind === 'reclaimed' || kind === 'disowned' || kind === 'containedByAdministrator';
}

/** Tells other administrators what they have a part in; `account` is whose it is about. There is nothing to stop, so no link. */
async function tellColleagues(work: TellingWork, event: AuditEvent): Promise<void> {
  const told = await colleaguesOf(work, event);
  if (!told) return;
  const about = told.about === undefined ? undefined : await reachable(work, told.about);
  if (told.about !== undefined && !about) return;
  for (const userId of told.colleagues) {
    const { addresses = [] } = (await reachable(work, userId)) ?? {};
    if (addresses.length === 0) continue;
    const mail = noticeMail({
      kind: told.kind,
      at: utcMinute(work.now),
      ...(about && { user: about.userPrincipalName }),
    });
    await queueMail(work, { userId, recipients: addresses, ...mail });
  }
}

/** All of them, whoever did it as well: of a change that somebody made in their name they would not hear otherwise. */
async function tellAdministrators(work: TellingWork, changed: string): Promise<void> {
  for (const userId of await administratorIds(work)) {
    const { addresses = [] } = (await reachable(work, userId)) ?? {};
    if (addresses.length === 0) continue;
    const mail = noticeMail({ kind: 'federationChanged', changed, at: utcMinute(work.now) });
    await queueMail(work, { userId, recipients: addresses, ...mail });
  }
}
