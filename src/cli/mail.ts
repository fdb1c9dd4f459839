import { listMail } from '../notices/outbox.ts';
import { asOperator } from '../wire.ts';
import { type Command, print, printJson, withBase } from './command.ts';

export const mailCommands: Readonly<Record<string, Command>> = {
  'mail list': (_operands, { json }) =>
    withBase(async (base) => {
      const mails = await base.run(asOperator, listMail);
      if (json) return printJson({ value: mails });
      for (const { createdAt, state, attempts, recipient, subject, lastError } of mails) {
        const tries = attempts === 1 ? '1 try' : `${attempts} tries`;
        print(
          `${createdAt.toISOString()}\t${state}\t${tries}\t${recipient}\t${subject}${lastError ? `\t${lastError}` : ''}\n`,
        );
      }
    }),
};
