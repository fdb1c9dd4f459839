import { messages } from './messages.ts';
import { saying } from './parts/say.tsx';

export interface NoticeMailProps {
  readonly kind: keyof typeof messages.mails.notices;
  /** The account's user name; absent when it is about none. */
  readonly user?: string;
  /** What was changed, where it is no account. */
  readonly changed?: string;
  /** A moment as a person reads it, with its zone. */
  readonly at: string;
  /** Where "this was not me" is said; absent when there is nothing to stop. */
  readonly link?: { readonly url: string; readonly until: string };
}

/** A mail in plain text. Nothing in it is a secret but the link. */
export function noticeMail({ kind, user, changed, at, link }: NoticeMailProps): { subject: string; text: string } {
  const say = messages.mails;
  const { subject, happened, next } = say.notices[kind];
  const notYou = link ? [say.notYou, link.url, saying(say.stops, { until: link.until })] : [];
  const about = [
    ...(user === undefined ? [] : [saying(say.account, { user })]),
    ...(changed === undefined ? [] : [saying(say.changed, { what: changed })]),
  ];
  const facts = [...about, saying(say.when, { at })].join('\n');
  return { subject, text: `${[happened, facts, next, ...notYou, say.never].join('\n\n')}\n` };
}
