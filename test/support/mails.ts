import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { TestBase } from './house.ts';

export interface ReadMail {
  readonly recipient: string;
  readonly subject: string;
  readonly text: string;
  /** The address that leads to containment; null when the mail has none. */
  readonly link: URL | null;
}

/** Mails that wait in the outbox, as whoever gets them will read them; oldest first. */
export async function queuedMails({ base }: TestBase, recipient?: string): Promise<ReadMail[]> {
  const query = base.knex('mail_outbox').where('state', '=', 'queued').orderByRaw('created_at, recipient');
  if (recipient !== undefined) query.where('recipient', '=', recipient);
  const rows = (await query) as { id: string; recipient: string; subject: string; sealed_body: Buffer }[];
  return rows.map(({ id, recipient: to, subject, sealed_body }) => {
    const text = base.secrets.open(`mail_outbox/${id}/body`, sealed_body).toString();
    return { recipient: to, subject, text, link: linkIn(text) };
  });
}

function linkIn(text: string): URL | null {
  const url = /^https?:\S+\/not-me\?token=\S+$/m.exec(text)?.[0];
  return url === undefined ? null : new URL(url);
}

export interface ReceivedMail extends ReadMail {
  readonly from: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface MailServer {
  readonly url: string;
  /** What has arrived, oldest first. */
  readonly mails: ReceivedMail[];
  /** What the next recipients are answered; undefined: they are taken. */
  refuse: { readonly code: number; readonly words: string } | undefined;
  down(): Promise<void>;
  up(): Promise<void>;
  close(): Promise<void>;
}

/** A real SMTP server on a port of its own, which it keeps when it goes down and comes up again. */
export async function startMailServer(): Promise<MailServer> {
  const mails: ReceivedMail[] = [];
  let port = 0;
  let running: SMTPServer | undefined;
  const server: MailServer = {
    get url() {
      return `smtp://127.0.0.1:${port}`;
    },
    mails,
    refuse: undefined,
    async down() {
      const stopping = running;
      running = undefined;
      if (stopping) await new Promise<void>((resolve) => stopping.close(resolve));
    },
    async up() {
      const starting = new SMTPServer({
        authOptional: true,
        disabledCommands: ['STARTTLS'],
        disableReverseLookup: true,
        onRcptTo(_address, _session, done) {
          const { refuse } = server;
          done(refuse && Object.assign(new Error(refuse.words), { responseCode: refuse.code }));
        },
        async onData(stream, { envelope }, done) {
          const chunks = (await stream.toArray()) as Buffer[];
          const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
          for (const { address } of envelope.rcptTo) mails.push(read(Buffer.concat(chunks), from, address));
          done();
        },
      });
      await new Promise<void>((resolve) => starting.listen(port, '127.0.0.1', resolve));
      port = (starting.server.address() as AddressInfo).port;
      running = starting;
    },
    close: () => server.down(),
  };
  await server.up();
  return server;
}

/** A mail of one part of text. */
function read(raw: Buffer, from: string, recipient: string): ReceivedMail {
  const [head = '', ...body] = raw.toString('latin1').split('\r\n\r\n');
  const lines = head.replaceAll(/\r\n[ \t]+/g, ' ').split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  );
  const text = decoded(body.join('\r\n\r\n'), headers['content-transfer-encoding'] ?? '7bit').replaceAll('\r\n', '\n');
  return { from, recipient, subject: headers.subject ?? '', text, link: linkIn(text), headers };
}

function decoded(body: string, encoding: string): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString();
  if (encoding !== 'quoted-printable') return body;
  const bytes = body
    .replaceAll('=\r\n', '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}
