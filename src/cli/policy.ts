import { passPolicyResource } from '../http/graph/resources.ts';
import { changePassPolicy, passPolicy, resetPassPolicy } from '../methods/temporary-access-pass/manage-policy.ts';
import { passSettingsChange } from '../methods/temporary-access-pass/settings.ts';
import { asOperator, type Base } from '../wire.ts';
import { type Command, type Options, print, printJson, settingsFrom, UsageError, withBase } from './command.ts';

export const policyCommands: Readonly<Record<string, Command>> = {
  'policy show': (operands, values) => {
    none(operands, 'policy show');
    return withBase((base) => showPolicy(base, values));
  },

  'policy set': (operands, values) => {
    const changes = settingsFrom(operands, passSettingsChange, 'policy set KEY=VALUE ...');
    return withBase(async (base) => {
      await base.run(asOperator, (work) => changePassPolicy(work, changes));
      await showPolicy(base, values);
    });
  },

  'policy reset': (operands, values) => {
    none(operands, 'policy reset');
    return withBase(async (base) => {
      await base.run(asOperator, resetPassPolicy);
      await showPolicy(base, values);
    });
  },
};

async function showPolicy(base: Base, { json }: Options): Promise<void> {
  const settings = await base.run(asOperator, passPolicy);
  if (json) return printJson(passPolicyResource(settings));
  for (const [name, value] of Object.entries(settings)) print(`${name}=${JSON.stringify(value)}\n`);
}

function none(operands: readonly string[], form: string): void {
  if (operands.length > 0) throw new UsageError(`Use: latchkey ${form}`);
}
