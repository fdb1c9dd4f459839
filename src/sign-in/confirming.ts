/** What somebody is asked to confirm: everything that signs them in, here and elsewhere. */
import type { Work } from '../core/work.ts';
import {
  isLinked,
  credentialsOf,
  type LinkedSignIn,
  type ListedCredential,
  type MethodRegistry,
  works,
} from '../methods/method.ts';
import { findUser } from '../users/manage-users.ts';
import type { SignIn } from './sign-in.ts';

/** One linked elsewhere, and what saying "this is not mine" would stop besides. */
export interface LinkToConfirm extends LinkedSignIn {
  /** It signed them in just now: it is theirs. */
  readonly used: boolean;
  readonly stops: readonly { readonly id: string; readonly name: string }[];
}

interface House {
  readonly methods: MethodRegistry;
}

/** What its user can sign in with, in the order offered. */
export async function waysOf(house: House, work: Work, signIn: SignIn): Promise<ListedCredential[]> {
  return (await credentialsOf(work, house.methods, signIn.userId!)).filter(works);
}

/** Also those that open nothing now: they may again. */
export async function linksToConfirm(house: House, work: Work, signIn: SignIn): Promise<LinkToConfirm[]> {
  const linked = house.methods.all.find(isLinked);
  const user = await findUser(work, signIn.userId!);
  if (!linked || !user) return [];
  const links = await linked.linksOf(work, user);
  if (links.length === 0) return [];
  const proved = provedIn(signIn);
  const credentials = (await credentialsOf(work, house.methods, signIn.userId!)).filter(
    ({ id }) => !proved.includes(id),
  );
  return links.map((link) => ({
    ...link,
    used: proved.includes(link.id),
    stops: [
      ...credentials.filter(
        ({ method, createdAt, suspended }) => method === 'recovery-code' || (!suspended && createdAt >= link.linkedAt),
      ),
      ...links
        .filter(({ id, linkedAt }) => id !== link.id && linkedAt >= link.linkedAt && !proved.includes(id))
        .map(({ id, at }) => ({ id, name: at })),
    ],
  }));
}

/** Ids of what was proved in this sign-in. */
export function provedIn({ evidence }: SignIn): string[] {
  return evidence.map(({ credentialId }) => credentialId);
}
