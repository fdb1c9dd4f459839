import { AppError } from '../core/errors.ts';
import type { Work } from '../core/work.ts';
import { domainResource, identityProviderResource, identityResource } from '../http/graph/federation-resources.ts';
import { deleteDomain, listDomains, putDomain, readDomain } from '../methods/upstream/manage-domains.ts';
import { deleteIdentityProvider, putIdentityProvider } from '../identity-providers.ts';
import { addProviderKey, removeProviderKey, useProviderKey } from '../methods/upstream/manage-keys.ts';
import { type ListedProvider, listProviders, readProvider } from '../methods/upstream/manage-providers.ts';
import { domainChange, providerChange } from '../methods/upstream/provider-change.ts';
import { allowAdministrator, linkIdentity, listIdentitiesOf, unlinkIdentity } from '../others-identities.ts';
import { relyingParty } from '../methods/upstream/relying-party.ts';
import { tryIdentityProvider } from '../methods/upstream/try-provider.ts';
import { asOperator, outboundOf } from '../wire.ts';
import {
  type Command,
  one,
  type Options,
  print,
  printJson,
  secretIn,
  settingsFrom,
  two,
  UsageError,
  withBase,
} from './command.ts';

/** Identity providers, the domains whose people sign in there, and who is who there. */
export const federationCommands: Readonly<Record<string, Command>> = {
  'idp list': (_operands, { json }) =>
    withBase(async (base) => {
      const found = await base.run(asOperator, listProviders);
      if (json) return printJson({ value: found.map(identityProviderResource) });
      for (const { provider } of found) print(`${provider.id}\t${provider.state}\t${provider.issuer}\n`);
    }),

  'idp show': (operands, { json }) => {
    const id = one(operands, 'idp show ID');
    return withBase(async (base) => show(await base.run(asOperator, (work) => readProvider(work, id)), json));
  },

  'idp put': ([id, ...named], { json, 'secret-file': secretFile }) => {
    const form = 'idp put ID [KEY=VALUE ...] [--secret-file FILE]';
    const provider = one(id === undefined ? [] : [id], form);
    if (named.some((operand) => /^client_?secret=/i.test(operand))) {
      throw new UsageError(
        'A secret on the command line is seen by others on the machine. Use --secret-file FILE, or -.',
      );
    }
    const changes = named.length === 0 ? {} : settingsFrom(named.map(asWords), providerChange, form);
    const clientSecret = secretFile === undefined ? undefined : secretIn(secretFile);
    return withBase(async (base) => {
      const asked = { id: provider, changes, clientSecret, ourIssuer: base.config.issuer };
      show(await base.run(asOperator, (work) => putIdentityProvider(work, asked)), json);
    });
  },

  'idp test': (operands, { json }) => {
    const [id, keyId] = operands.length > 1 ? two(operands, 'idp test ID [KEY]') : [one(operands, 'idp test ID [KEY]')];
    return withBase(async ({ run, config }) => {
      const house = { run, party: relyingParty(outboundOf(config)), issuer: config.issuer };
      const report = await tryIdentityProvider(house, asOperator, id, keyId);
      if (json) printJson(report);
      else {
        for (const { check, result, words } of report.checks) print(`${result}\t${check}\t${words}\n`);
        print(report.isUsable ? `People can sign in at ${id}.\n` : `Nobody can sign in at ${id} like this.\n`);
      }
      if (!report.isUsable) process.exitCode = 1;
    });
  },

  'idp key': ([verb, ...operands], values) => {
    const act = verb !== undefined && Object.hasOwn(keyVerbs, verb) ? keyVerbs[verb] : undefined;
    if (!act) throw new UsageError('Use: latchkey idp key add ID | use ID KEY | remove ID KEY');
    return act(operands, values);
  },

  'idp delete': (operands, { json, unlink = false }) => {
    const id = one(operands, 'idp delete ID [--unlink]');
    return withBase(async (base) => {
      const asked = { id, unlinks: unlink };
      const { unlinked, domains, sessions } = await base.run(asOperator, (work) => deleteIdentityProvider(work, asked));
      if (json) printJson({ deleted: id, unlinked, domains, sessions });
      else
        print(
          `${[`${id} is deleted`, ...domains.map((name) => `and ${name} with it`)].join(', ')}. Unlinked: ${unlinked}. Sessions ended: ${sessions}.\n`,
        );
    });
  },

  'idp links': (operands, { json }) => {
    const user = one(operands, 'idp links USER');
    return withBase(async (base) => {
      const { identities } = await base.run(asOperator, (work) => listIdentitiesOf(work, user));
      if (json) return printJson({ value: identities.map(identityResource) });
      for (const { providerId, sub, linkedBy, allowedAdministrator } of identities) {
        print(`${providerId}\t${sub}\tby ${linkedBy}${allowedAdministrator ? '\talso as administrator' : ''}\n`);
      }
    });
  },

  'idp link': (operands, { json, administrator }) => {
    const [user, providerId, sub] = operands;
    if (user === undefined || providerId === undefined || sub === undefined || operands.length > 3) {
      throw new UsageError('Use: latchkey idp link USER ID SUB [--administrator]');
    }
    return withBase(async (base) => {
      const asked = { user, providerId, sub, allowedAdministrator: administrator };
      const linked = await base.run(asOperator, (work) => linkIdentity(work, asked));
      if (json) printJson(identityResource(linked.identity));
      else print(`${linked.user.userPrincipalName} is linked with ${sub} of ${providerId}.\n`);
    });
  },

  'idp allow': (operands, values) => allow(two(operands, 'idp allow USER ID'), true, values),
  'idp forbid': (operands, values) => allow(two(operands, 'idp forbid USER ID'), false, values),

  'idp unlink': (operands, { json }) => {
    const [name, providerId] = two(operands, 'idp unlink USER ID');
    return withBase(async (base) => {
      const user = await base.run(asOperator, async (work) => {
        const { user: found, identity } = await linkOf(work, name, providerId);
        await unlinkIdentity(work, { user: found.id, identityId: identity.id });
        return found;
      });
      if (json) printJson({ unlinked: providerId, user: user.userPrincipalName });
      else print(`${user.userPrincipalName} is no longer linked with ${providerId}.\n`);
    });
  },

  'domain list': (_operands, { json }) =>
    withBase(async (base) => {
      const found = await base.run(asOperator, listDomains);
      if (json) return printJson({ value: found.map(domainResource) });
      for (const { name, providerId, mfaBehavior, straight } of found) {
        print(`${name}\t${providerId}\t${mfaBehavior}${straight ? '\tstraight' : ''}\n`);
      }
    }),

  'domain show': (operands, { json }) => {
    const name = one(operands, 'domain show NAME');
    return withBase(async (base) => {
      const domain = await base.run(asOperator, (work) => readDomain(work, name));
      if (json) printJson(domainResource(domain));
      else for (const [key, value] of Object.entries(domain)) print(`${key}=${JSON.stringify(value)}\n`);
    });
  },

  'domain put': ([name, providerId, ...named], { json }) => {
    const form = 'domain put NAME ID [KEY=VALUE ...]';
    if (name === undefined || providerId === undefined) throw new UsageError(`Use: latchkey ${form}`);
    const changes = named.length === 0 ? {} : settingsFrom(named, domainChange, form);
    return withBase(async (base) => {
      const domain = await base.run(asOperator, (work) => putDomain(work, { name, providerId, changes }));
      if (json) printJson(domainResource(domain));
      else print(`The people of ${domain.name} sign in at ${domain.providerId}.\n`);
    });
  },

  'domain delete': (operands, { json }) => {
    const name = one(operands, 'domain delete NAME');
    return withBase(async (base) => {
      const domain = await base.run(asOperator, (work) => deleteDomain(work, name));
      if (json) printJson({ deleted: domain.name });
      else print(`The people of ${domain.name} no longer sign in at ${domain.providerId}.\n`);
    });
  },
};

/** Whether a link signs its user in also while they hold a role. */
function allow([name, providerId]: readonly [string, string], allowed: boolean, { json }: Options): Promise<void> {
  return withBase(async (base) => {
    const identity = await base.run(asOperator, async (work) => {
      const { user, identity: before } = await linkOf(work, name, providerId);
      await allowAdministrator(work, { user: user.id, identityId: before.id, allowed });
      return (await linkOf(work, user.id, providerId)).identity;
    });
    if (json) printJson(identityResource(identity));
    else print(`${name} ${allowed ? 'may' : 'may not'} sign in at ${providerId} while they hold a role.\n`);
  });
}

async function linkOf(work: Work, name: string, providerId: string) {
  const { user, identities } = await listIdentitiesOf(work, name);
  const identity = identities.find((each) => each.providerId === providerId);
  if (!identity) throw new AppError('not_found', `${name} is not linked with ${providerId}.`);
  return { user, identity };
}
const keyVerbs: Readonly<Record<string, Command>> = {
  add: (operands, { json }) => {
    const id = one(operands, 'idp key add ID');
    return withBase(async (base) => {
      const key = await base.run(asOperator, (work) => addProviderKey(work, id));
      if (json) return printJson({ keyId: key.kid, key });
      print(`One more key for ${id}. It is published, and does not sign yet.\nKey: ${key.kid}\n`);
      print(`jwk=${JSON.stringify(key)}\n`);
    });
  },

  use: (operands, { json }) => {
    const [id, keyId] = two(operands, 'idp key use ID KEY');
    return withBase(async (base) => {
      await base.run(asOperator, (work) => useProviderKey(work, { id, keyId }));
      if (json) printJson({ signs: keyId });
      else print(`${keyId} signs from now on. The one before stays published.\n`);
    });
  },

  remove: (operands, { json }) => {
    const [id, keyId] = two(operands, 'idp key remove ID KEY');
    return withBase(async (base) => {
      await base.run(asOperator, (work) => removeProviderKey(work, { id, keyId }));
      if (json) printJson({ removed: keyId });
      else print(`The key ${keyId} of ${id} is gone.\n`);
    });
  },
};

/** These are texts, also when they look like a number. */
function asWords(operand: string): string {
  const [, name, value] = /^(displayName|issuer|clientId)=(?!")(.*)$/s.exec(operand) ?? [];
  return name === undefined ? operand : `${name}=${JSON.stringify(value)}`;
}

function show(found: ListedProvider, json: boolean | undefined): void {
  const { provider, publicKeys } = found;
  if (json) {
    printJson(identityProviderResource(found));
    return;
  }
  for (const [name, value] of Object.entries(provider)) print(`${name}=${JSON.stringify(value)}\n`);
  if (publicKeys.length > 0) print(`jwks=${JSON.stringify({ keys: publicKeys })}\n`);
  if (publicKeys.length > 1) print(`signs=${publicKeys[0]!.kid}\n`);
}
