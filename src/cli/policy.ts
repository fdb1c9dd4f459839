import { passPolicyResource } from '../http/graph/resources.ts';
import { changePassPolicy, passPolicy, resetPassPolicy } from '../methods/temporary-access-pass/manage-policy.ts';
import { type PassSettingsChange, passSettingsChange } from '../methods/temporary-access-pass/settings.ts';
import { AppError } from '../core/errors.ts';
import { asOperator, type Base } from '../wire.ts';
import { type Command, type Options, print, printJson, UsageError, withBase } from './command.ts';

export const policyCommands: Readonly<Record<string, Command>> = {
  'policy show': (operands, values) => {
    none(operands, 'policy show');
    return withBase((base) => showPolicy(base, values));
  },

  'policy set': (operands, values) => {
    const changes = settingsFrom(operands);
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

/** KEY=VALUE, as `policy show` prints it; fails as the API would for what cannot be. */
function settingsFrom(operands: readonly string[]): PassSettingsChange {
  if (operands.length === 0) throw new UsageError('Use: latchkey policy set KEY=VALUE ...');
  const named = operands.map((operand) => {
    const [, name, text] = /^([^=]+)=(.*)$/s.exec(operand) ?? [];
    if (name === undefined || text === undefined) throw new UsageError(`"${operand}" is not KEY=VALUE.`);
    return [name, jsonOrWord(text)] as const;
  });
  const checked = passSettingsChange.safeParse(Object.fromEntries(named));
  if (checked.success) return checked.data;
  const mistakes = checked.error.issues.map((issue) =>
    [issue.path.join('.'), issue.message].filter(Boolean).join(': '),
  );
  throw new AppError('invalid_input', `${mistakes.join('\n')}`);
}

function jsonOrWord(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function none(operands: readonly string[], form: string): void {
  if (operands.length > 0) throw new UsageError(`Use: latchkey ${form}`);
}
