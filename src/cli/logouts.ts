import { listLogouts } from '../sessions/logout-outbox.ts';
import { asOperator } from '../wire.ts';
import { type Command, print, printJson, withBase } from './command.ts';

export const logoutCommands: Readonly<Record<string, Command>> = {
  'logout list': (_operands, { json }) =>
    withBase(async (base) => {
      const logouts = await base.run(asOperator, listLogouts);
      if (json) return printJson({ value: logouts });
      for (const { createdAt, state, attempts, clientId, userId, lastError } of logouts) {
        const tries = attempts === 1 ? '1 try' : `${attempts} tries`;
        print(
          `${createdAt.toISOString()}\t${state}\t${tries}\t${clientId}\t${userId}${lastError ? `\t${lastError}` : ''}\n`,
        );
      }
    }),
};
