import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import type { Work } from '../../src/core/work.ts';
import { permitOn } from '../../src/roles/permit.ts';
import { roles } from '../../src/roles/role.ts';
import { stillMayIssueSql } from '../../src/roles/still-may-issue.ts';
import { openTestBase, type TestBase } from '../support/house.ts';

/**
 * The ladder is written twice: for a request, and in SQL for the statement that redeems a pass. Both are asked about every pair
 * of an issuer and a target, roles and groups in every combination of up to three and two.
 */

const templateId = (name: string) => roles.find((role) => role.name === name)!.templateId;

interface Held {
  readonly role: string;
  readonly scope: 'desk' | 'other' | null;
}

const held: Readonly<Record<string, Held>> = {
  global: { role: templateId('Global Administrator'), scope: null },
  privileged: { role: templateId('Privileged Authentication Administrator'), scope: null },
  authentication: { role: templateId('Authentication Administrator'), scope: null },
  'pass issuer of the desk': { role: templateId('Pass Issuer'), scope: 'desk' },
  'pass issuer of another group': { role: templateId('Pass Issuer'), scope: 'other' },
  users: { role: templateId('User Administrator'), scope: null },
  reader: { role: templateId('Global Reader'), scope: null },
  // What no door gives, but a row could say.
  'pass issuer of nobody': { role: templateId('Pass Issuer'), scope: null },
  'authentication, for the desk': { role: templateId('Authentication Administrator'), scope: 'desk' },
  'global, for another group': { role: templateId('Global Administrator'), scope: 'other' },
  'a role of a later version': { role: '00000000-0000-4000-8000-00000000000f', scope: null },
};
const groupSets = [[], ['desk'], ['other'], ['desk', 'other']] as const;

function upTo<T>(most: number, of: readonly T[]): T[][] {
  if (most === 0 || of.length === 0) return [[]];
  const [first, ...rest] = of as [T, ...T[]];
  return [...upTo(most, rest), ...upTo(most - 1, rest).map((some) => [first, ...some])];
}

interface Person {
  readonly id: string;
  readonly words: string;
  readonly enabled: boolean;
}

let test_: TestBase;
const issuers: Person[] = [];
const targets: Person[] = [];

beforeAll(async () => {
  test_ = await openTestBase();
  const { knex } = test_.base;
  const now = new Date();
  const groups = { desk: randomUUID(), other: randomUUID() };
  await knex('groups').insert(
    Object.entries(groups).map(([name, id]) => ({ id, display_name: name, created_at: now })),
  );
  const users: object[] = [];
  const assignments: object[] = [];
  const members: object[] = [];
  const add = (to: Person[], names: readonly string[], memberOf: readonly ('desk' | 'other')[], enabled = true) => {
    const id = randomUUID();
    const words = `${names.join(' + ') || 'nothing'}${memberOf.map((group) => `, in ${group}`).join('')}`;
    to.push({ id, enabled, words: enabled ? words : `${words}, disabled` });
    users.push({
      id,
      user_principal_name: `${id}@example.com`,
      user_name_key: `${id}@example.com`,
      display_name: words.slice(0, 256),
      account_enabled: enabled,
      user_handle: randomBytes(32),
      created_at: now,
      updated_at: now,
    });
    for (const name of names) {
      const { role, scope } = held[name]!;
      const scope_group_id = scope && groups[scope];
      assignments.push({ id: randomUUID(), user_id: id, role_template_id: role, scope_group_id, granted_at: now });
    }
    for (const group of memberOf) members.push({ group_id: groups[group], user_id: id });
  };
  const combinations = upTo(3, Object.keys(held));
  // The groups of an issuer matter when they are the target as well.
  for (const [index, names] of combinations.entries()) add(issuers, names, groupSets[index % groupSets.length]!);
  for (const names of upTo(2, Object.keys(held))) add(issuers, names, ['desk'], false);
  const ofTargets = [
    [],
    ['reader'],
    ['pass issuer of another group'],
    ['privileged'],
    ['global'],
    ['reader', 'privileged'],
    ['a role of a later version'],
  ];
  for (const names of ofTargets) for (const memberOf of groupSets) add(targets, names, memberOf);
  await knex.batchInsert('users', users, 500);
  await knex.batchInsert('role_assignments', assignments, 500);
  await knex.batchInsert('group_members', members, 500);
});
afterAll(() => test_?.close());

/** Pairs of issuer and target that the SQL lets through. */
async function bySql(): Promise<Set<string>> {
  const { rows } = await test_.base.knex.raw<{ rows: { issuer: string; target: string }[] }>(
    `select issuer.id::text as issuer, target.id as target from users issuer, users target
      where ${stillMayIssueSql('issuer.id::text', 'target.id')}`,
  );
  return new Set(rows.map(({ issuer, target }) => `${issuer} ${target}`));
}

async function permitted(work: Work, issuer: Person, target: Person): Promise<boolean> {
  const actor = { kind: 'user', userId: issuer.id, strongAt: work.now } as const;
  try {
    await permitOn({ ...work, actor }, 'passes.write', target.id);
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === 'forbidden') return false;
    throw error;
  }
}

test('the SQL that redeems and the rule that issues give one answer, for every issuer and target', async () => {
  const allowed = await bySql();
  const differing: string[] = [];
  let [yes, no] = [0, 0];
  await test_.work(async (work) => {
    for (const issuer of issuers.filter(({ enabled }) => enabled)) {
      for (const target of [...targets, issuer]) {
        const rule = await permitted(work, issuer, target);
        if (rule) yes += 1;
        else no += 1;
        const sql = allowed.has(`${issuer.id} ${target.id}`);
        const whom = target === issuer ? 'themselves' : target.words;
        if (sql !== rule) differing.push(`${issuer.words} → ${whom}: the rule says ${rule}, the SQL ${sql}`);
      }
    }
  });
  expect(differing).toEqual([]);
  // Neither answer is the only one.
  expect(yes).toBeGreaterThan(1000);
  expect(no).toBeGreaterThan(1000);
}, 60_000);

test('who is disabled issues for nobody any more, and nobody for themselves', async () => {
  const allowed = [...(await bySql())].map((pair) => pair.split(' ') as [string, string]);
  const disabled = new Set(issuers.filter(({ enabled }) => !enabled).map(({ id }) => id));
  expect(disabled.size).toBeGreaterThan(50);
  expect(allowed.filter(([issuer]) => disabled.has(issuer))).toEqual([]);
  expect(allowed.filter(([issuer, target]) => issuer === target)).toEqual([]);
});
