import { z } from 'zod';
import type { ListedCredential } from '../../methods/method.ts';
import type { FoundMethods } from '../../others-methods.ts';
import { graphDate, passResource, passShape } from './resources.ts';
import { dateShape } from './shape.ts';

const passkeyType = '#microsoft.graph.fido2AuthenticationMethod';
const appType = '#microsoft.graph.softwareOathAuthenticationMethod';
const passwordType = '#microsoft.graph.passwordAuthenticationMethod';

const ours = {
  lastUsedDateTime: dateShape.nullable(),
  isSuspended: z.boolean(),
  state: z.enum(['active', 'suspended']),
  suspendedDateTime: dateShape.nullable(),
  suspendedReason: z.string().nullable(),
};

export const passkeyShape = z
  .strictObject({
    '@odata.type': z.literal(passkeyType),
    id: z.string(),
    displayName: z.string(),
    createdDateTime: dateShape,
    aaGuid: z.string().nullable(),
    model: z.string().nullable(),
    attestationCertificates: z.array(z.string()).max(0),
    attestationLevel: z.literal('notAttested'),
    passkeyType: z.enum(['deviceBound', 'synced']),
    ...ours,
  })
  .meta({ id: 'passkey' });

export const appShape = z
  .strictObject({
    '@odata.type': z.literal(appType),
    id: z.string(),
    secretKey: z.null(),
    createdDateTime: dateShape,
    displayName: z.string(),
    ...ours,
  })
  .meta({ id: 'authenticatorApp' });

export const passwordShape = z
  .strictObject({
    '@odata.type': z.literal(passwordType),
    id: z.string(),
    password: z.null(),
    createdDateTime: dateShape,
    ...ours,
  })
  .meta({ id: 'password' });

/** Told apart by `@odata.type`. */
export const methodShape = z
  .discriminatedUnion('@odata.type', [passkeyShape, appShape, passwordShape, passShape])
  .meta({ id: 'authenticationMethod' });

export type MethodResource = z.output<typeof methodShape>;

/** A passkey in Graph's shape. No attestation is asked for, so none is ever attested. */
export function passkeyResource(credential: ListedCredential): z.output<typeof passkeyShape> {
  return {
    '@odata.type': passkeyType,
    id: credential.id,
    displayName: credential.name,
    createdDateTime: graphDate(credential.createdAt),
    aaGuid: credential.authenticator?.aaguid ?? null,
    model: credential.authenticator?.model ?? null,
    attestationCertificates: [],
    attestationLevel: 'notAttested',
    passkeyType: credential.deviceBound ? 'deviceBound' : 'synced',
    ...oursOf(credential),
  };
}

export function appResource(credential: ListedCredential): z.output<typeof appShape> {
  return {
    '@odata.type': appType,
    id: credential.id,
    secretKey: null,
    createdDateTime: graphDate(credential.createdAt),
    displayName: credential.name,
    ...oursOf(credential),
  };
}

export function passwordResource(credential: ListedCredential): z.output<typeof passwordShape> {
  return {
    '@odata.type': passwordType,
    id: credential.id,
    password: null,
    createdDateTime: graphDate(credential.createdAt),
    ...oursOf(credential),
  };
}

/** All that Graph has a type for; recovery codes it has none for. */
export function methodResources({ credentials, pass, settings }: FoundMethods, now: Date): MethodResource[] {
  const passes = pass ? [passResource(pass, settings, now)] : [];
  return [...credentials.flatMap(credentialResource), ...passes];
}

function credentialResource(credential: ListedCredential): MethodResource[] {
  switch (credential.method) {
    case 'passkey':
      return [passkeyResource(credential)];
    case 'authenticator-app':
      return [appResource(credential)];
    case 'password':
      return [passwordResource(credential)];
    default:
      return [];
  }
}

function oursOf({ lastUsedAt, suspended, suspension }: ListedCredential): z.output<z.ZodObject<typeof ours>> {
  return {
    lastUsedDateTime: lastUsedAt && graphDate(lastUsedAt),
    isSuspended: suspended,
    state: suspended ? 'suspended' : 'active',
    suspendedDateTime: suspension ? graphDate(suspension.at) : null,
    suspendedReason: suspension?.reason ?? null,
  };
}
