/** Events of the audit log in the shapes of Graph's `directoryAudit` and `signIn` (beta's, which say how somebody signed in). */
import { z } from 'zod';
import { activityOf } from '../../audit/activities.ts';
import type { AuditRecord } from '../../audit/search.ts';
import { signInError } from '../../audit/sign-in-errors.ts';
import { deviceName, deviceOf } from '../../core/device-name.ts';
import { findRole } from '../../roles/role.ts';
import { graphDate } from './resources.ts';
import { dateShape } from './shape.ts';

const text = z.string().nullable();

export const directoryAuditShape = z
  .strictObject({
    id: z.guid(),
    category: z.string(),
    correlationId: text,
    result: z.enum(['success', 'failure']),
    resultReason: z.string(),
    activityDisplayName: z.string(),
    activityDateTime: dateShape,
    loggedByService: z.string(),
    operationType: z.enum(['Add', 'Assign', 'Delete', 'Other', 'Unassign', 'Update']),
    initiatedBy: z.strictObject({
      user: z.strictObject({ id: text, userPrincipalName: text, displayName: text, ipAddress: text }).nullable(),
      app: z
        .strictObject({ appId: text, displayName: text, servicePrincipalId: z.null(), servicePrincipalName: z.null() })
        .nullable(),
    }),
    targetResources: z.array(
      z.strictObject({
        id: text,
        displayName: text,
        type: z.enum(['User', 'Group', 'Application', 'Policy', 'Other']),
        userPrincipalName: text,
        groupType: z.null(),
        modifiedProperties: z.array(z.strictObject({ displayName: z.string(), oldValue: text, newValue: text })),
      }),
    ),
    additionalDetails: z.array(z.strictObject({ key: z.string(), value: z.string() })),
  })
  .meta({ id: 'directoryAudit' });

const risk = z.literal('none');

export const signInShape = z
  .strictObject({
    id: z.guid(),
    createdDateTime: dateShape,
    userDisplayName: text,
    userPrincipalName: text,
    userId: text,
    appId: text,
    appDisplayName: text,
    ipAddress: text,
    clientAppUsed: z.literal('Browser'),
    userAgent: text,
    correlationId: text,
    originalRequestId: z.string(),
    isInteractive: z.boolean(),
    conditionalAccessStatus: z.literal('notApplied'),
    appliedConditionalAccessPolicies: z.array(z.unknown()).max(0),
    riskDetail: risk,
    riskLevelAggregated: risk,
    riskLevelDuringSignIn: risk,
    riskState: risk,
    riskEventTypes: z.array(z.string()).max(0),
    riskEventTypes_v2: z.array(z.string()).max(0),
    resourceDisplayName: z.null(),
    resourceId: z.null(),
    status: z.strictObject({ errorCode: z.int(), failureReason: z.string(), additionalDetails: text }),
    deviceDetail: z.strictObject({
      deviceId: z.string(),
      displayName: z.string(),
      operatingSystem: z.string(),
      browser: z.string(),
      isCompliant: z.null(),
      isManaged: z.null(),
      trustType: z.string(),
    }),
    location: z.null(),
    authenticationRequirement: z.enum(['singleFactorAuthentication', 'multiFactorAuthentication']),
    authenticationMethodsUsed: z.array(z.string()),
    authenticationDetails: z.array(
      z.strictObject({
        authenticationStepDateTime: dateShape,
        authenticationMethod: z.string(),
        authenticationMethodDetail: z.null(),
        succeeded: z.boolean(),
        authenticationStepResultDetail: z.string(),
        authenticationStepRequirement: z.string(),
      }),
    ),
  })
  .meta({ id: 'signIn' });

export function directoryAuditResource(record: AuditRecord): z.output<typeof directoryAuditShape> {
  const activity = activityOf(record.type);
  return {
    id: record.id,
    category: activity.category,
    correlationId: record.requestId,
    result: record.result,
    resultReason: record.reason ?? activity.resultReason ?? '',
    activityDisplayName: activity.activityDisplayName,
    activityDateTime: graphDate(record.at),
    loggedByService: activity.loggedByService,
    operationType: activity.operationType,
    initiatedBy: initiatedBy(record),
    targetResources: targetResources(record),
    additionalDetails: additionalDetails(record),
  };
}

export const directoryAuditProperties = directoryAuditShape.keyof().options;

/** A person, an app, or both where an app held the person's token. Latchkey's own work is that of an app without an id. */
function initiatedBy(record: AuditRecord) {
  const { actorKind, actor, actorApp, user, type, ip } = record;
  const person = actor ?? (activityOf(type).byTheirOwn && actorKind === 'anonymous' ? user : null);
  switch (actorKind) {
    case 'operator':
      return { user: null, app: appIdentity(null, 'Latchkey command line') };
    case 'system':
      return { user: null, app: appIdentity(null, 'Latchkey') };
    case 'client':
      return { user: null, app: appIdentity(actorApp?.id ?? null, actorApp?.displayName ?? null) };
    default:
      return {
        user: {
          id: person?.id ?? null,
          userPrincipalName: person?.userPrincipalName ?? null,
          displayName: person?.displayName ?? null,
          ipAddress: ip,
        },
        app: actorApp && appIdentity(actorApp.id, actorApp.displayName),
      };
  }
}

function appIdentity(appId: string | null, displayName: string | null) {
  return { appId, displayName: displayName ?? appId, servicePrincipalId: null, servicePrincipalName: null };
}

interface Target {
  readonly id: string | null;
  readonly displayName: string | null;
  readonly type: 'User' | 'Group' | 'Application' | 'Policy' | 'Other';
  readonly userPrincipalName: string | null;
  readonly groupType: null;
}

/** What it happened to; what was changed of it is told with the first. */
function targetResources(record: AuditRecord) {
  const modifiedProperties = changesOf(record);
  return targetsOf(record).map((target, index) => ({
    ...target,
    modifiedProperties: index === 0 ? modifiedProperties : [],
  }));
}

function targetsOf({ type, user, group, client, details }: AuditRecord): Target[] {
  const targets: Target[] = [];
  const text = (name: string) => (typeof details[name] === 'string' ? (details[name] as string) : null);
  if (user || text('userPrincipalName')) {
    // Of a deleted user the event itself still knows the name.
    const userPrincipalName = user?.userPrincipalName ?? text('userPrincipalName');
    targets.push(target('User', user?.id ?? null, user?.displayName ?? null, userPrincipalName));
  }
  if (group) targets.push(target('Group', group.id, group.displayName ?? text('displayName')));
  if (client && type.startsWith('client.')) targets.push(target('Application', client.id, client.displayName));
  if (type.startsWith('identity-provider.')) {
    targets.push(target('Other', text('identityProvider'), text('identityProvider')));
  }
  if (type.startsWith('domain.')) targets.push(target('Other', text('domain'), text('domain')));
  if (text('policy')) targets.push(target('Policy', text('policy'), text('policy')));
  return targets;
}

function target(
  type: Target['type'],
  id: string | null,
  displayName: string | null,
  userPrincipalName: string | null = null,
): Target {
  return { id, displayName, type, userPrincipalName, groupType: null };
}

interface Change {
  readonly displayName: string;
  readonly oldValue: string | null;
  readonly newValue: string | null;
}

/** Values as Entra writes them: JSON in a text. */
function changesOf({ type, details }: AuditRecord): Change[] {
  const role = type.startsWith('role.') && typeof details.role === 'string' ? findRole(details.role) : undefined;
  if (role) {
    const properties = { ObjectID: role.templateId, DisplayName: role.name, TemplateId: role.templateId };
    return Object.entries(properties).map(([name, value]) =>
      type === 'role.granted' ? change(`Role.${name}`, undefined, value) : change(`Role.${name}`, value, undefined),
    );
  }
  const { before, after, changed } = details;
  if (isObject(before) && isObject(after)) {
    return Object.keys({ ...before, ...after })
      .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
      .map((name) => change(name, before[name], after[name]));
  }
  if (type === 'group.changed') return [change('DisplayName', before, details.displayName)];
  if (Array.isArray(changed)) return [change('Included Updated Properties', undefined, changed.join(', '))];
  return [];
}

function change(displayName: string, oldValue: unknown, newValue: unknown): Change {
  return {
    displayName,
    oldValue: oldValue === undefined ? null : JSON.stringify(oldValue),
    newValue: newValue === undefined ? null : JSON.stringify(newValue),
  };
}

const toldElsewhere = new Set(['before', 'after', 'changed']);

/** Everything else that was recorded, as texts, and where it came from. */
function additionalDetails({ details, ip, userAgent }: AuditRecord) {
  const told = Object.entries(details)
    .filter(([name, value]) => !toldElsewhere.has(name) && value !== null)
    .map(([key, value]) => ({ key, value: typeof value === 'string' ? value : JSON.stringify(value) }));
  if (ip) told.push({ key: 'ipAddress', value: ip });
  if (userAgent) told.push({ key: 'User-Agent', value: userAgent });
  return told;
}

export function signInResource(record: AuditRecord): z.output<typeof signInShape> {
  const { user, client, userAgent, details } = record;
  const { code, words } = signInError(record.type, record.reason);
  const steps = stepsOf(record);
  const device = deviceOf(userAgent);
  return {
    id: record.id,
    createdDateTime: graphDate(record.at),
    userDisplayName: user?.displayName ?? null,
    userPrincipalName: user?.userPrincipalName ?? null,
    userId: user?.id ?? null,
    appId: client?.id ?? null,
    appDisplayName: client?.displayName ?? client?.id ?? null,
    ipAddress: record.ip,
    clientAppUsed: 'Browser',
    userAgent,
    correlationId: record.requestId,
    originalRequestId: typeof details.uid === 'string' ? details.uid : '',
    isInteractive: true,
    conditionalAccessStatus: 'notApplied',
    appliedConditionalAccessPolicies: [],
    riskDetail: 'none',
    riskLevelAggregated: 'none',
    riskLevelDuringSignIn: 'none',
    riskState: 'none',
    riskEventTypes: [],
    riskEventTypes_v2: [],
    resourceDisplayName: null,
    resourceId: null,
    status: {
      errorCode: code,
      failureReason: words,
      additionalDetails: record.type === 'sign-in.completed' ? null : record.reason,
    },
    deviceDetail: {
      deviceId: '',
      displayName: deviceName(userAgent) ?? '',
      operatingSystem: device.system ?? '',
      browser: device.browser ?? '',
      isCompliant: null,
      isManaged: null,
      trustType: '',
    },
    location: null,
    authenticationRequirement: isMultifactor(details.level)
      ? 'multiFactorAuthentication'
      : 'singleFactorAuthentication',
    authenticationMethodsUsed: [...new Set(steps.map(({ authenticationMethod }) => authenticationMethod))],
    authenticationDetails: steps,
  };
}

export const signInProperties = signInShape.keyof().options;

const methodNames: Readonly<Record<string, string>> = {
  'temporary-access-pass': 'Temporary Access Pass',
  passkey: 'Passkey',
};

/** What was proved on the way; for a sign-in that was refused, the step that failed. */
function stepsOf({ type, proofs, details, at, reason }: AuditRecord) {
  const step = (method: string, when: Date, succeeded: boolean) => ({
    authenticationStepDateTime: graphDate(when),
    authenticationMethod: methodNames[method] ?? method,
    authenticationMethodDetail: null,
    succeeded,
    authenticationStepResultDetail: succeeded ? 'Correct' : (reason ?? ''),
    authenticationStepRequirement: '',
  });
  if (type === 'sign-in.completed') return proofs.map((proof) => step(proof.method, proof.at, true));
  return typeof details.method === 'string' ? [step(details.method, at, false)] : [];
}

/** Levels of `acr` from two factors on. */
function isMultifactor(level: unknown): boolean {
  return level === '2f' || level === 'phr' || level === 'phrh';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
