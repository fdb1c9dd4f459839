import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { changeAssurancePolicy } from './assurance/manage-policy.ts';
import { assuranceSettingsChange } from './assurance/settings.ts';
import { clientInput, toMetadata } from './clients/client.ts';
import { putClient, setOwners } from './clients/manage-clients.ts';
import { AppError } from './core/errors.ts';
import { isStorableJson } from './core/text.ts';
import type { Work } from './core/work.ts';
import { addToGroup, ensureGroup } from './groups/manage-groups.ts';
import { changePasswordPolicy } from './methods/password/manage-policy.ts';
import {
  changeMethodPolicy,
  changePoliciesTogether,
  fido2Policy,
  recoveryCodePolicy,
  softwareOathPolicy,
} from './method-policies/manage-policies.ts';
import { fido2SettingsChange, methodSettingsChange } from './method-policies/settings.ts';
import { passwordSettingsChange } from './methods/password/settings.ts';
import { changePassPolicy } from './methods/temporary-access-pass/manage-policy.ts';
import { passSettingsChange } from './methods/temporary-access-pass/settings.ts';
import { putDomain } from './methods/upstream/manage-domains.ts';
import { type ProviderInFile, providerInFile } from './methods/upstream/provider-in-file.ts';
import { putIdentityProvider } from './identity-providers.ts';
import { clientMetadataProblem } from './oidc/client-metadata.ts';
import { giveRole } from './others-identities.ts';
import { changePerson } from './people.ts';
import { changeRegistrationPolicy } from './registration/manage-policy.ts';
import { registrationSettingsChange } from './registration/settings.ts';
import { findRole } from './roles/role.ts';
import { changeUser, createUser, getUser } from './users/manage-users.ts';

const namedRole = z.string().refine((name) => findRole(name) !== undefined, 'is not the name or template id of a role');

/** A role by name; a Pass Issuer is for the people in a group, with limits if wanted. */
const role = z.union([
  namedRole,
  z.strictObject({
    role: namedRole,
    group: z.string(),
    maximumLifetimeInMinutes: z.int().min(10).max(43_200).optional(),
    isUsableOnce: z.boolean().optional(),
  }),
]);

/** A seed file. Unknown keys are errors that name their path, so that a typing mistake never passes for a setting. */
const seedShape = z.strictObject({
  groups: z.array(z.strictObject({ displayName: z.string().min(1).max(256) })).default([]),
  users: z
    .array(
      z.strictObject({
        userPrincipalName: z.string().min(3).max(254),
        displayName: z.string().trim().min(1).max(256).optional(),
        mail: z.email().optional(),
        accountEnabled: z.boolean().optional(),
        groups: z.array(z.string()).default([]),
        roles: z.array(role).default([]),
        manager: z.string().optional(),
      }),
    )
    .default([]),
  clients: z.array(clientInput).default([]),
  policies: z
    .strictObject({
      temporaryAccessPass: passSettingsChange.optional(),
      fido2: fido2SettingsChange.optional(),
      softwareOath: methodSettingsChange.optional(),
      password: passwordSettingsChange.optional(),
      recoveryCode: methodSettingsChange.optional(),
      registration: registrationSettingsChange.optional(),
      assurance: assuranceSettingsChange.optional(),
    })
    .default({}),
  identityProviders: z.array(providerInFile).max(200).default([]),
});

export type Seed = z.output<typeof seedShape>;

export interface SeedFile {
  readonly seed: Seed;
  readonly hash: Buffer;
}

/** Fails with `invalid_input` that lists every mistake with its path. */
export function readSeedFile(path: string): SeedFile {
  const text = readFileSync(path, 'utf8');
  return { seed: parseSeed(text), hash: createHash('sha256').update(text).digest() };
}

export function parseSeed(text: string): Seed {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new AppError('invalid_input', `The seed file is not JSON: ${(error as Error).message}`);
  }
  if (!isStorableJson(json)) throw new AppError('invalid_input', 'The seed file holds a character that no text takes.');
  const parsed = seedShape.safeParse(json);
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.map((issue) => `- ${issue.path.join('.') || 'the file'}: ${issue.message}`);
  throw new AppError(
    'invalid_input',
    `The seed file has ${mistakes.length === 1 ? 'a mistake' : 'mistakes'}:\n${mistakes.join('\n')}`,
  );
}

/** At start: applies the file unless this very file was applied before, so that it does not undo later changes. */
export async function applyOnce(work: Work, { seed, hash }: SeedFile, ourIssuer?: string): Promise<boolean> {
  const fresh = await work
    .tx('applied_seeds')
    .insert({ content_hash: hash, applied_at: work.now })
    .onConflict('content_hash')
    .ignore()
    .returning('content_hash');
  if (fresh.length === 0) return false;
  await applySeed(work, seed, ourIssuer);
  work.record({ type: 'seed.applied', details: { sha256: hash.toString('hex') } });
  return true;
}

/**
 * Merges into what exists by natural key; doing it twice changes nothing. `ourIssuer` says whether this is somebody's own machine,
 * where an identity provider may be reached by plain http.
 */
export async function applySeed(work: Work, seed: Seed, ourIssuer?: string): Promise<void> {
  for (const { displayName } of seed.groups) await ensureGroup(work, displayName);
  for (const asked of seed.users) await applyUser(work, asked);
  // Managers last: a manager may stand further down in the file.
  for (const { userPrincipalName, manager } of seed.users) {
    if (manager === undefined) continue;
    const user = await getUser(work, userPrincipalName);
    await changeUser(work, user, { managerId: (await named(work, manager, `manager of ${userPrincipalName}`)).id });
  }
  for (const client of seed.clients) {
    const { client_secret, client_id } = client;
    const problem = clientMetadataProblem({
      ...toMetadata(client),
      client_id,
      ...(client_secret !== undefined && { client_secret }),
    });
    if (problem) throw new AppError('invalid_input', `The seed file's client ${client_id} cannot be used: ${problem}.`);
    await putClient(work, client);
    if (client.owners === undefined) continue;
    const owners = [];
    for (const owner of client.owners) owners.push((await named(work, owner, `an owner of ${client_id}`)).id);
    await setOwners(work, client_id, owners);
  }
  // Where it decides nothing, it waits for nobody who does.
  if (Object.keys(seed.policies).length > 0) {
    await changePoliciesTogether(work, () => applyPolicies(work, seed.policies));
  }
  for (const asked of seed.identityProviders) {
    await underPath(`identityProviders.${asked.id}`, () => applyProvider(work, asked, ourIssuer));
  }
}

async function applyPolicies(work: Work, policies: Seed['policies']): Promise<void> {
  const { temporaryAccessPass, fido2, softwareOath, password, recoveryCode, registration, assurance } = policies;
  if (temporaryAccessPass) {
    await underPath('policies.temporaryAccessPass', () => changePassPolicy(work, temporaryAccessPass));
  }
  if (fido2) await underPath('policies.fido2', () => changeMethodPolicy(work, fido2Policy, fido2));
  if (softwareOath) {
    await underPath('policies.softwareOath', () => changeMethodPolicy(work, softwareOathPolicy, softwareOath));
  }
  if (recoveryCode) {
    await underPath('policies.recoveryCode', () => changeMethodPolicy(work, recoveryCodePolicy, recoveryCode));
  }
  if (password) await underPath('policies.password', () => changePasswordPolicy(work, password));
  if (registration) await underPath('policies.registration', () => changeRegistrationPolicy(work, registration));
  if (assurance) await underPath('policies.assurance', () => changeAssurancePolicy(work, assurance));
}

async function applyProvider(work: Work, asked: ProviderInFile, ourIssuer: string | undefined): Promise<void> {
  const { id, changes, clientSecret, domains } = asked;
  await putIdentityProvider(work, { id, changes, clientSecret, ourIssuer });
  for (const domain of domains) {
    const { name, ...settings } = typeof domain === 'string' ? { name: domain } : domain;
    await putDomain(work, { name, providerId: id, changes: settings });
  }
}

async function applyUser(work: Work, asked: Seed['users'][number]): Promise<void> {
  const existing = await getUser(work, asked.userPrincipalName).catch(ifNotFound);
  const { displayName, mail, accountEnabled: enabled } = asked;
  if (existing) {
    await changePerson(work, existing.id, {
      ...(displayName !== undefined && { displayName }),
      ...(mail !== undefined && { mail }),
      ...(enabled !== undefined && { enabled }),
    });
  }
  const user =
    existing ??
    (await createUser(work, {
      userPrincipalName: asked.userPrincipalName,
      displayName: displayName ?? asked.userPrincipalName,
      mail,
      enabled,
    }));
  for (const name of asked.groups) await addToGroup(work, await ensureGroup(work, name), user.id);
  for (const held of asked.roles) {
    if (typeof held === 'string') await giveRole(work, user.id, held);
    else {
      await giveRole(work, user.id, held.role, {
        groupId: (await ensureGroup(work, held.group)).id,
        limits: {
          ...(held.maximumLifetimeInMinutes !== undefined && { maximumLifetimeMinutes: held.maximumLifetimeInMinutes }),
          ...(held.isUsableOnce !== undefined && { oneTimeOnly: held.isUsableOnce }),
        },
      });
    }
  }
}

async function named(work: Work, userName: string, what: string) {
  const user = await getUser(work, userName).catch(ifNotFound);
  if (!user)
    throw new AppError('invalid_input', `The seed file names ${userName} as ${what}, but there is no such user.`);
  return user;
}

function ifNotFound(error: unknown): undefined {
  if (error instanceof AppError && error.code === 'not_found') return undefined;
  throw error;
}

async function underPath(path: string, apply: () => Promise<void>): Promise<void> {
  try {
    await apply();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}
