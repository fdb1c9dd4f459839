import { describe, expect, test } from 'vitest';
import { type Actor, anonymous, operator, system } from '../../src/core/actor.ts';
import { AppError } from '../../src/core/errors.ts';
import type { Work } from '../../src/core/work.ts';
import { permit } from '../../src/roles/permit.ts';
import {
  type Action,
  actions,
  applicationPermissions,
  delegatedScopes,
  openingRoles,
  ownScopes,
  permissionsFor,
  reach,
  scopesFor,
} from '../../src/roles/powers.ts';
import { findRole, globalAdministrator, type HeldRole, rankOf, type RoleName, roles } from '../../src/roles/role.ts';

const id = (name: string) => findRole(name)!.templateId;

describe('a rank', () => {
  test.each([
    ['a member', [], 0],
    ['a Global Administrator', ['Global Administrator'], 3],
    ['a Privileged Authentication Administrator', ['Privileged Authentication Administrator'], 2],
    ['an Authentication Administrator', ['Authentication Administrator'], 1],
    ['an Authentication Policy Administrator', ['Authentication Policy Administrator'], 1],
    ['a User Administrator', ['User Administrator'], 1],
    ['an Application Administrator', ['Application Administrator'], 1],
    ['a Global Reader', ['Global Reader'], 1],
    [
      'a holder of several roles',
      ['Global Reader', 'Privileged Authentication Administrator', 'User Administrator'],
      2,
    ],
    ['a holder of all roles', roles.map(({ name }) => name), 3],
  ])('of %s', (_who, names, rank) => {
    expect(rankOf(names.map(id))).toBe(rank);
  });

  test('of somebody with a role this version does not know is never that of a member', () => {
    expect(rankOf(['00000000-0000-4000-8000-000000000000'])).toBe(1);
  });
});

describe('a role is found', () => {
  test.each([
    ['by its name', 'Global Administrator'],
    ['in any case', 'gLOBAL administrator'],
    ['with space around', '  Global Administrator '],
    ['by its template id', '62e90394-69f5-4237-9190-012177145e10'],
    ['by its template id in capitals', '62E90394-69F5-4237-9190-012177145E10'],
  ])('%s', (_how, asked) => {
    expect(findRole(asked)).toBe(globalAdministrator);
  });

  test.each(['', 'Administrator', 'Global', 'Issuer', 'toString'])('but not as "%s"', (asked) => {
    expect(findRole(asked)).toBeUndefined();
  });

  test('under the ids that Entra gives them, and one of ours', () => {
    expect(Object.fromEntries(roles.map(({ name, templateId }) => [name, templateId]))).toEqual({
      'Global Administrator': '62e90394-69f5-4237-9190-012177145e10',
      'Privileged Authentication Administrator': '7be44c8a-adaf-4e2a-84d6-ab2649e08a13',
      'Authentication Administrator': 'c4e39bd9-1100-46d3-8c65-fb160da0071f',
      'Pass Issuer': '8c4bf1fc-3297-4272-9796-899e98a9b383',
      'Authentication Policy Administrator': '0526716b-113d-4c15-b2c8-68e3c22b9f80',
      'User Administrator': 'fe930be7-5e62-47db-91af-98c3a49a38b1',
      'Application Administrator': '9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3',
      'Global Reader': 'f2ef992c-3afb-46b9-b7cf-a126ee74c451',
    });
  });
});

async function may(actor: Actor, action: Action): Promise<boolean> {
  try {
    await permit({ actor } as Work, action);
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === 'forbidden') return false;
    throw error;
  }
}

const client = (...permissions: string[]): Actor => ({ kind: 'client', clientId: 'hr', permissions });

describe('who may do what', () => {
  test('the operator and the system may do everything', async () => {
    for (const action of actions) {
      expect(await may(operator, action), action).toBe(true);
      expect(await may(system, action), action).toBe(true);
    }
  });

  test('a visitor may do nothing of it', async () => {
    for (const action of actions) expect(await may(anonymous, action), action).toBe(false);
  });

  test.each<[string, readonly Action[]]>([
    [
      'UserAuthenticationMethod.ReadWrite.All',
      ['passes.write', 'passes.read', 'passkeys.write', 'passkeys.read', 'methods.write', 'methods.read'],
    ],
    ['UserAuthMethod-TAP.ReadWrite.All', ['passes.write', 'passes.read']],
    ['UserAuthenticationMethod.Read.All', ['passes.read', 'passkeys.read', 'methods.read']],
    ['UserAuthMethod-Passkey.ReadWrite.All', ['passkeys.write', 'passkeys.read']],
    ['UserAuthMethod-Passkey.Read.All', ['passkeys.read']],
    ['UserAuthMethod-TAP.Read.All', ['passes.read']],
    ['User.ReadWrite.All', ['users.write', 'users.read', 'sessions.revoke']],
    ['User.RevokeSessions.All', ['sessions.revoke']],
    ['User.Read.All', ['users.read']],
    ['Directory.Read.All', ['users.read', 'groups.read']],
    ['Group.ReadWrite.All', ['groups.write', 'groups.read']],
    ['Group.Read.All', ['groups.read']],
    ['Policy.ReadWrite.AuthenticationMethod', ['policies.write', 'policies.read']],
    ['Policy.Read.All', ['policies.read']],
    ['AuditLog.Read.All', ['audit.read', 'reports.read']],
    ['Reports.Read.All', ['reports.read']],
    ['Application.ReadWrite.All', ['clients.write', 'clients.read']],
    ['Application.Read.All', ['clients.read']],
  ])('%s opens exactly this to an application: %s', async (permission, opened) => {
    const open = await Promise.all(actions.map((action) => may(client(permission), action)));
    expect(actions.filter((_action, index) => open[index])).toEqual(opened);
  });

  test('an application without permissions, or with one nobody knows, may do nothing', async () => {
    for (const action of actions) {
      expect(await may(client(), action), action).toBe(false);
      expect(await may(client('Everything.All', '', 'userauthenticationmethod.readwrite.all'), action), action).toBe(
        false,
      );
    }
  });

  test('roles, upstreams and domains are closed to applications, whatever they hold', async () => {
    for (const action of [
      'roles.write',
      'roles.read',
      'upstreams.write',
      'upstreams.read',
      'domains.write',
      'domains.read',
    ] as const) {
      expect(permissionsFor(action)).toEqual([]);
      expect(await may(client(...applicationPermissions), action), action).toBe(false);
    }
  });

  test('a refused application is told which permission it lacks', async () => {
    await expect(permit({ actor: client() } as Work, 'passes.write')).rejects.toThrow(
      'The application lacks the permission for this. One of these is needed: UserAuthenticationMethod.ReadWrite.All, UserAuthMethod-TAP.ReadWrite.All.',
    );
    await expect(permit({ actor: client() } as Work, 'roles.write')).rejects.toThrow(
      'Applications cannot do this; it takes a person with the right role.',
    );
  });

  test('a permission that can be given opens something', async () => {
    for (const permission of applicationPermissions) {
      const open = await Promise.all(actions.map((action) => may(client(permission), action)));
      expect(open, permission).toContain(true);
    }
    expect(new Set(applicationPermissions).size).toBe(applicationPermissions.length);
  });
});

const held = (
  name: RoleName,
  scopeGroupId: string | null = null,
  limits: Partial<HeldRole['limits']> = {},
): HeldRole => ({
  templateId: id(name),
  scopeGroupId,
  limits: { maximumLifetimeMinutes: null, oneTimeOnly: false, ...limits },
});

const methodKeeping: readonly Action[] = [
  'passes.write',
  'passes.read',
  'passkeys.write',
  'passkeys.read',
  'methods.write',
  'methods.read',
];

describe('what a role opens', () => {
  test.each<[RoleName, readonly Action[]]>([
    ['Global Administrator', actions],
    [
      'Privileged Authentication Administrator',
      [...methodKeeping, 'users.read', 'sessions.revoke', 'groups.read', 'upstreams.read', 'domains.read'],
    ],
    [
      'Authentication Administrator',
      [...methodKeeping, 'users.read', 'sessions.revoke', 'groups.read', 'upstreams.read', 'domains.read'],
    ],
    ['Pass Issuer', ['passes.write', 'passes.read']],
    [
      'Authentication Policy Administrator',
      ['users.read', 'groups.read', 'upstreams.read', 'domains.read', 'policies.write', 'policies.read'],
    ],
    ['User Administrator', ['users.write', 'users.read', 'sessions.revoke', 'groups.write', 'groups.read']],
    ['Application Administrator', ['users.read', 'groups.read', 'clients.write', 'clients.read']],
    [
      'Global Reader',
      [
        'passes.read',
        'passkeys.read',
        'methods.read',
        'users.read',
        'groups.read',
        'roles.read',
        'clients.read',
        'upstreams.read',
        'domains.read',
        'policies.read',
        'audit.read',
        'reports.read',
      ],
    ],
  ])('%s: %s', (name, opened) => {
    expect(actions.filter((action) => openingRoles(action, [held(name)]).length > 0)).toEqual(opened);
  });

  test('is nothing for a role this version does not know', () => {
    const stranger = { ...held('Global Reader'), templateId: '00000000-0000-4000-8000-000000000000' };
    expect(actions.filter((action) => openingRoles(action, [stranger]).length > 0)).toEqual([]);
  });
});

describe('the ladder', () => {
  const ranks = [0, 1, 2, 3];
  test.each<[RoleName, readonly number[]]>([
    ['Global Administrator', [0, 1, 2, 3]],
    ['Privileged Authentication Administrator', [0, 1]],
    ['Authentication Administrator', [0]],
    ['User Administrator', [0]],
  ])('%s reaches the ranks %s', (name, reached) => {
    expect(ranks.filter((rank) => reach([held(name)], { rank, groupIds: [] }))).toEqual(reached);
  });

  test('a role for a group reaches the members in it, and no others', () => {
    const issuer = [held('Pass Issuer', 'shop')];
    expect(reach(issuer, { rank: 0, groupIds: ['shop', 'office'] })).toBeDefined();
    expect(reach(issuer, { rank: 0, groupIds: ['office'] })).toBeUndefined();
    expect(reach(issuer, { rank: 1, groupIds: ['shop'] })).toBeUndefined();
  });

  test('a Pass Issuer without a group reaches nobody', () => {
    expect(reach([held('Pass Issuer')], { rank: 0, groupIds: [] })).toBeUndefined();
  });

  test('limits come with the role that reaches; the widest of several hold, and none when another role needs none', () => {
    const target = { rank: 0, groupIds: ['shop', 'office'] };
    const shop = held('Pass Issuer', 'shop', { maximumLifetimeMinutes: 60, oneTimeOnly: true });
    const office = held('Pass Issuer', 'office', { maximumLifetimeMinutes: 120 });
    expect(reach([shop], target)).toEqual({ limits: { maximumLifetimeMinutes: 60, oneTimeOnly: true } });
    expect(reach([shop, office], target)).toEqual({ limits: { maximumLifetimeMinutes: 120, oneTimeOnly: false } });
    expect(reach([shop, held('Authentication Administrator')], target)).toEqual({ limits: null });
    // The second role does not reach: its freedom does not count.
    const administrator = { rank: 0, groupIds: ['shop'] };
    expect(reach([shop, held('Pass Issuer', 'elsewhere')], administrator)).toEqual({
      limits: { maximumLifetimeMinutes: 60, oneTimeOnly: true },
    });
  });
});

describe('the scopes of a token', () => {
  test('that are delegated only are no application permissions', () => {
    for (const scope of ['RoleManagement.ReadWrite.Directory', 'Domain.ReadWrite.All', 'User.Read']) {
      expect(delegatedScopes).toContain(scope);
      expect(applicationPermissions).not.toContain(scope);
    }
  });

  test('all open something, and those for one’s own open nothing of others', () => {
    const opening = new Set([
      ...actions.flatMap(scopesFor),
      ...ownScopes('passes.write'),
      ...ownScopes('users.read'),
      ...ownScopes('passes.read'),
      ...ownScopes('methods.read'),
      ...ownScopes('sessions.revoke'),
    ]);
    expect(delegatedScopes.filter((scope) => !opening.has(scope))).toEqual([]);
    const ofOthers = new Set(actions.flatMap(scopesFor));
    for (const own of [
      'UserAuthenticationMethod.Read',
      'UserAuthMethod-TAP.ReadWrite',
      'User.Read',
      'User.ReadWrite',
    ]) {
      expect(ofOthers.has(own), own).toBe(false);
    }
  });
});
