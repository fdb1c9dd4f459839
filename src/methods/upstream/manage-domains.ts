import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../../core/errors.ts';
import type { Work } from '../../core/work.ts';
import { permit } from '../../roles/permit.ts';
import { asciiDomain } from '../../core/domain-name.ts';
import { domainSettings, type FederatedDomain } from './provider.ts';
import type { DomainChange } from './provider-change.ts';
import * as upstreams from './store.ts';

/**
 * Domains whose people sign in at a provider. Nothing proves here that a domain is the organisation's own: a Global Administrator
 * says so, it is recorded, and every administrator hears of it.
 */
export interface DomainAsked {
  readonly name: string;
  readonly providerId: string;
  readonly changes?: DomainChange | undefined;
}

/** Fails with `conflict` when there is such a domain, `invalid_input` for what is none or a provider that is not there. */
export async function createDomain(work: Work, asked: DomainAsked): Promise<FederatedDomain> {
  await permit(work, 'domains.write');
  const name = nameOf(asked.name);
  const existing = await upstreams.domain(work.tx, name);
  if (existing) throw taken(existing);
  return made(work, { ...asked, name });
}

/** Creates it, or changes what is named; nothing is recorded when it is as asked. Fails with `conflict` when it is another provider's. */
export async function putDomain(work: Work, asked: DomainAsked): Promise<FederatedDomain> {
  await permit(work, 'domains.write');
  const name = nameOf(asked.name);
  const existing = await upstreams.lockDomain(work.tx, name);
  if (!existing) return made(work, { ...asked, name });
  if (existing.providerId !== asked.providerId) throw taken(existing);
  return changed(work, existing, asked.changes ?? {});
}

/** Fails with `not_found`, and with `conflict` for another provider: a domain is not moved, but deleted and made again. */
export async function changeDomain(
  work: Work,
  { name, providerId, changes = {} }: Omit<DomainAsked, 'providerId'> & { readonly providerId?: string | undefined },
): Promise<FederatedDomain> {
  await permit(work, 'domains.write');
  const existing = await upstreams.lockDomain(work.tx, asciiDomain(name) ?? '');
  if (!existing) throw noSuchDomain();
  if (providerId !== undefined && providerId !== existing.providerId) throw taken(existing);
  return changed(work, existing, changes);
}

/** Its people sign in here from now on, those who are linked as well. Fails with `not_found`. */
export async function deleteDomain(work: Work, name: string): Promise<FederatedDomain> {
  await permit(work, 'domains.write');
  const removed = await upstreams.removeDomain(work.tx, asciiDomain(name) ?? '');
  if (!removed) throw noSuchDomain();
  work.record({ type: 'domain.deleted', details: { domain: removed.name, before: detailsOf(removed), after: {} } });
  return removed;
}

export async function listDomains(work: Work): Promise<FederatedDomain[]> {
  await permit(work, 'domains.read');
  return upstreams.domains(work.tx);
}

/** Fails with `not_found`. */
export async function readDomain(work: Work, name: string): Promise<FederatedDomain> {
  await permit(work, 'domains.read');
  const existing = await upstreams.domain(work.tx, asciiDomain(name) ?? '');
  if (!existing) throw noSuchDomain();
  return existing;
}

async function made(work: Work, { name, providerId, changes = {} }: DomainAsked): Promise<FederatedDomain> {
  if (!(await upstreams.shareProvider(work.tx, providerId))) {
    throw new AppError('invalid_input', 'identityProviderId: there is no such identity provider.');
  }
  const domain = { name, providerId, ...domainSettings.parse(changes) };
  if (!(await upstreams.insertDomain(work.tx, domain))) throw new AppError('conflict', `${name} was added just now.`);
  work.record({ type: 'domain.created', details: { domain: name, before: {}, after: detailsOf(domain) } });
  return domain;
}

async function changed(work: Work, before: FederatedDomain, changes: DomainChange): Promise<FederatedDomain> {
  const named = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const after: FederatedDomain = { ...before, ...named };
  if (isDeepStrictEqual(before, after)) return before;
  await upstreams.updateDomain(work.tx, after);
  work.record({
    type: 'domain.changed',
    details: { domain: after.name, before: detailsOf(before), after: detailsOf(after) },
  });
  return after;
}

function detailsOf({ name: _name, ...details }: FederatedDomain): Omit<FederatedDomain, 'name'> {
  return details;
}

function nameOf(text: string): string {
  const name = asciiDomain(text);
  if (name !== null) return name;
  throw new AppError(
    'invalid_input',
    `${JSON.stringify(text.slice(0, 100))} is not the name of a domain, such as contoso.example.`,
  );
}

function taken({ name, providerId }: FederatedDomain): AppError {
  return new AppError(
    'conflict',
    `${name} belongs to the identity provider ${providerId}. Delete the domain there first.`,
  );
}

function noSuchDomain(): AppError {
  return new AppError('not_found', 'There is no such domain.');
}
