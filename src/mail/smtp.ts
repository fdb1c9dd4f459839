import { createTransport } from 'nodemailer';

/** A mail server as the environment names it. */
export interface MailServer {
  /** `smtp:` or `smtps:`, perhaps with a name and a password, and options as nodemailer knows them. */
  readonly url: string;
  /** `id@example.com` or `Name <id@example.com>`. */
  readonly from: string;
}

export interface Mail {
  readonly id: string;
  readonly recipient: string;
  readonly subject: string;
  readonly text: string;
}

/** `unreachable` says nothing about this mail: another would fare no better now. */
export type SendResult =
  | { readonly kind: 'sent' }
  | { readonly kind: 'refused' | 'failed' | 'unreachable'; readonly error: string };

/** Hands one mail to the mail server; a failure is a result and not an exception. */
export type SendMail = (mail: Mail) => Promise<SendResult>;

// In all ten seconds: a stop waits for the mail that is under way.
const timeouts = { connectionTimeout: 5_000, greetingTimeout: 5_000, socketTimeout: 5_000, dnsTimeout: 2_500 };
const longestMs = 10_000;

export function smtpTo({ url, from }: MailServer): SendMail {
  const server = new URL(url);
  // They would print every mail.
  for (const name of ['logger', 'debug', 'transactionLog']) server.searchParams.delete(name);
  const transport = createTransport({ url: server.href, disableFileAccess: true, disableUrlAccess: true, ...timeouts });
  const domain = /@([^@>\s]+)>?$/.exec(from)?.[1] ?? 'latchkey.invalid';

  return async ({ id, recipient, subject, text }) => {
    try {
      await within(
        longestMs,
        transport.sendMail({
          from,
          to: { name: '', address: recipient },
          subject,
          text,
          // A mail that is sent twice is one mail to whoever sorts by this.
          messageId: `<${id}@${domain}>`,
          headers: { 'Auto-Submitted': 'auto-generated' }, // RFC 3834: no answers, no out-of-office notes
        }),
      );
      return { kind: 'sent' };
    } catch (error) {
      return resultOf(error);
    }
  };
}

// What a mail server says of one mail or its recipient, and not of us.
const ofThisMail = new Set(['EENVELOPE', 'EMESSAGE']);

/** Codes alone: a mail server's words may repeat what is in the mail. */
function resultOf(error: unknown): SendResult {
  const { code, responseCode, command } = error as { code?: unknown; responseCode?: unknown; command?: unknown };
  const words = [code, responseCode, command].filter((part) => typeof part === 'string' || typeof part === 'number');
  const text = words.join(' ') || 'unknown';
  if (!ofThisMail.has(String(code))) return { kind: 'unreachable', error: text };
  return { kind: typeof responseCode === 'number' && responseCode >= 500 ? 'refused' : 'failed', error: text };
}

async function within<T>(ms: number, sending: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('too slow'), { code: 'ETIMEDOUT' })), ms);
  });
  try {
    return await Promise.race([sending, late]);
  } finally {
    clearTimeout(timer);
  }
}
