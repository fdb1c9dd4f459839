import type { ListedCredential } from '../../methods/method.ts';
import type { FoundMethods } from '../../others-methods.ts';
import { graphDate, passResource } from './resources.ts';

/** A passkey in Graph's shape. No attestation is asked for, so none is ever attested. */
export function passkeyResource(credential: ListedCredential) {
  return {
    '@odata.type': '#microsoft.graph.fido2AuthenticationMethod',
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

export function appResource(credential: ListedCredential) {
  return {
    '@odata.type': '#microsoft.graph.softwareOathAuthenticationMethod',
    id: credential.id,
    secretKey: null,
    createdDateTime: graphDate(credential.createdAt),
    displayName: credential.name,
    ...oursOf(credential),
  };
}

export function passwordResource(credential: ListedCredential) {
  return {
    '@odata.type': '#microsoft.graph.passwordAuthenticationMethod',
    id: credential.id,
    password: null,
    createdDateTime: graphDate(credential.createdAt),
    ...oursOf(credential),
  };
}

/** All that Graph has a type for; recovery codes it has none for. */
export function methodResources({ credentials, pass, settings }: FoundMethods, now: Date): { readonly id: string }[] {
  const passes = pass ? [passResource(pass, settings, now, null)] : [];
  return [...credentials.flatMap(credentialResource), ...passes];
}

function credentialResource(credential: ListedCredential): { readonly id: string }[] {
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

function oursOf({ lastUsedAt, suspended, suspension }: ListedCredential) {
  return {
    lastUsedDateTime: lastUsedAt && graphDate(lastUsedAt),
    isSuspended: suspended,
    state: suspended ? 'suspended' : 'active',
    suspendedDateTime: suspension ? graphDate(suspension.at) : null,
    suspendedReason: suspension?.reason ?? null,
  };
}
