import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
  type WebAuthnCredential,
} from '@simplewebauthn/server';
import { describe, expect, test } from 'vitest';

import {
  type AlgorithmName,
  newAuthenticator,
  type SoftwareAuthenticator,
  type Tamper,
} from './software-authenticator.ts';

const origin = 'http://localhost:3000';
const rpID = 'localhost';
const algorithmNames: readonly AlgorithmName[] = ['ES256', 'EdDSA', 'RS256'];
const supportedAlgorithmIDs = [-8, -7, -257];
const userHandle = Buffer.from('a user handle of thirty-two bytes').toString('base64url');

describe('a passkey made and used by the software authenticator is good for @simplewebauthn/server', () => {
  test.each(algorithmNames)('with %s, counting 1, 2, 3', async (algorithm) => {
    const authenticator = newAuthenticator({ algorithm });
    const { verified, credential } = await register(authenticator);
    expect(verified).toBe(true);
    expect(credential.counter).toBe(1);
    for (const counter of [2, 3]) {
      const answer = await signIn(authenticator, credential);
      expect(answer).toMatchObject({ verified: true, authenticationInfo: { newCounter: counter, userVerified: true } });
      credential.counter = answer.authenticationInfo.newCounter;
    }
  });

  test.each(algorithmNames)('with %s and a packed self attestation when `direct` is asked for', async (algorithm) => {
    const registered = await register(newAuthenticator({ algorithm }), { attestation: 'direct' });
    expect(registered).toMatchObject({ verified: true, registrationInfo: { fmt: 'packed' } });
  });

  test('keeping its AAGUID and backup flags, and saying what a browser says beside the attestation', async () => {
    const aaguid = '01020304-0506-0708-0102-030405060708';
    const authenticator = newAuthenticator({ aaguid, backupEligible: true, backedUp: true, signCount: 'zero' });
    const { registrationInfo, credential, response } = await register(authenticator);
    expect(registrationInfo).toMatchObject({
      fmt: 'none',
      aaguid,
      credentialDeviceType: 'multiDevice',
      credentialBackedUp: true,
    });
    expect(credential).toMatchObject({ counter: 0, transports: ['internal'] });
    expect(response.response).toMatchObject({ publicKeyAlgorithm: -7, publicKey: expect.any(String) });
    expect((await signIn(authenticator, credential)).authenticationInfo.newCounter).toBe(0);
  });

  test('found without a name, or among those allowed, with its user handle', async () => {
    const authenticator = newAuthenticator();
    const { response } = await register(authenticator);
    const discovered = await authenticator.get({ challenge: 'AAAA', rpId: rpID }, { origin });
    expect(discovered).toMatchObject({ id: response.id, response: { userHandle } });
    const allowCredentials = [{ id: response.id, type: 'public-key' as const }];
    expect(await authenticator.get({ challenge: 'AAAA', allowCredentials }, { origin })).toMatchObject({
      id: response.id,
    });
  });
});

describe('it refuses what a browser or an authenticator refuses', () => {
  test('a second passkey on the same authenticator is an InvalidStateError', async () => {
    const authenticator = newAuthenticator();
    const { response } = await register(authenticator);
    const excludeCredentials = [{ id: response.id, type: 'public-key' as const }];
    await expect(register(authenticator, { excludeCredentials })).rejects.toMatchObject({ name: 'InvalidStateError' });
    await expect(register(newAuthenticator(), { excludeCredentials })).resolves.toMatchObject({ verified: true });
  });

  test('a passkey it does not hold is a NotAllowedError', async () => {
    const authenticator = newAuthenticator();
    const nothing = { name: 'NotAllowedError' };
    await expect(authenticator.get({ challenge: 'AAAA', rpId: rpID }, { origin })).rejects.toMatchObject(nothing);
    const { response } = await register(authenticator);
    const allowCredentials = [{ id: 'b3RoZXI', type: 'public-key' as const }];
    await expect(authenticator.get({ challenge: 'AAAA', allowCredentials }, { origin })).rejects.toMatchObject(nothing);
    authenticator.forget(response.id);
    await expect(authenticator.get({ challenge: 'AAAA', rpId: rpID }, { origin })).rejects.toMatchObject(nothing);
  });

  test('a key without a PIN is a NotAllowedError where user verification is required', async () => {
    const key = newAuthenticator({ verifiesUser: false });
    const asked = await creationOptions();
    const required = { ...asked, authenticatorSelection: { userVerification: 'required' as const } };
    await expect(key.create(required, { origin })).rejects.toMatchObject({ name: 'NotAllowedError' });
    const response = await key.create(
      { ...asked, authenticatorSelection: { userVerification: 'preferred' } },
      { origin },
    );
    await expect(verifyRegistration(response, asked.challenge)).rejects.toThrow('user could not be verified');
  });

  test.each([
    ['http://127.0.0.1:3000', '127.0.0.1.example'],
    ['http://127.0.0.1:3000', '127.0.0.1'],
    ['http://idp.example', 'idp.example'],
    ['https://evil.example', 'idp.example'],
    ['http://idp.localhost:3000', 'localhost'],
  ])('a page of %s with the RP ID %s is a SecurityError', async (page, rpId) => {
    const asked = { challenge: 'AAAA', rpId };
    await expect(newAuthenticator().get(asked, { origin: page })).rejects.toMatchObject({ name: 'SecurityError' });
  });

  test('an algorithm nobody asked for is a NotSupportedError', async () => {
    const asked = { ...(await creationOptions()), pubKeyCredParams: [{ type: 'public-key' as const, alg: -8 }] };
    await expect(newAuthenticator().create(asked, { origin })).rejects.toMatchObject({ name: 'NotSupportedError' });
  });
});

test('a clone signs with the same key and falls behind in counting', async () => {
  const original = newAuthenticator();
  const { credential } = await register(original);
  const clone = original.clone();
  credential.counter = (await signIn(original, credential)).authenticationInfo.newCounter;
  await expect(signIn(clone, credential)).rejects.toThrow('Response counter value 2 was lower than expected 2');
});

describe.each(algorithmNames)('with %s, at registration', (algorithm) => {
  test.each<[string, Tamper, string]>([
    ['type', { type: 'webauthn.get' }, 'Unexpected registration response type'],
    ['challenge', { challenge: 'b3RoZXI' }, 'Unexpected registration response challenge'],
    ['origin', { origin: 'https://evil.example' }, 'Unexpected registration response origin'],
    ['RP ID hash', { rpId: 'evil.example' }, 'Unexpected RP ID hash'],
    ['missing UP', { userPresent: false }, 'user was not present'],
    ['missing UV', { userVerified: false }, 'user could not be verified'],
    ['BS without BE', { backedUp: true }, 'Single-device credential indicated that it was backed up'],
    ['algorithm', { algorithm: -35 }, 'Unexpected public key alg "-35"'],
  ])('the library refuses a tampered %s', async (_, tamper, message) => {
    await expect(register(newAuthenticator({ algorithm }), {}, tamper)).rejects.toThrow(message);
  });

  test('the library answers `verified: false` to a bogus self attestation, without throwing', async () => {
    const tampered = register(newAuthenticator({ algorithm }), {}, { attestation: 'packed', signature: 'bogus' });
    await expect(tampered).resolves.toMatchObject({ verified: false });
  });

  // Latchkey's own checks have to find these (security.md 2.13).
  test.each<[string, Tamper]>([
    ['crossOrigin', { crossOrigin: true }],
    ['topOrigin', { topOrigin: 'https://evil.example' }],
    ['an attestation nobody asked for', { attestation: 'packed' }],
    ['backup flags that say something else', { backupEligible: true, backedUp: true }],
  ])('the library does not look at %s', async (_, tamper) => {
    await expect(register(newAuthenticator({ algorithm }), {}, tamper)).resolves.toMatchObject({ verified: true });
  });
});

describe.each(algorithmNames)('with %s, at authentication', (algorithm) => {
  const tampered = async (tamper: Tamper) => {
    const authenticator = newAuthenticator({ algorithm });
    const { credential } = await register(authenticator);
    return signIn(authenticator, credential, tamper);
  };

  test.each<[string, Tamper, string]>([
    ['type', { type: 'webauthn.create' }, 'Unexpected authentication response type'],
    ['challenge', { challenge: 'b3RoZXI' }, 'Unexpected authentication response challenge'],
    ['origin', { origin: 'https://evil.example' }, 'Unexpected authentication response origin'],
    ['RP ID hash', { rpId: 'evil.example' }, 'Unexpected RP ID hash'],
    ['missing UP', { userPresent: false }, 'User not present'],
    ['missing UV', { userVerified: false }, 'user could not be verified'],
    ['BS without BE', { backedUp: true }, 'Single-device credential indicated that it was backed up'],
    ['counter', { counter: 1 }, 'Response counter value 1 was lower than expected 1'],
    ['topOrigin under crossOrigin', { crossOrigin: true, topOrigin: 'https://evil.example' }, 'Detected cross-origin'],
    ['topOrigin alone', { topOrigin: 'https://evil.example' }, 'Unexpected top origin'],
  ])('the library refuses a tampered %s', async (_, tamper, message) => {
    await expect(tampered(tamper)).rejects.toThrow(message);
  });

  test('the library answers `verified: false` to a bogus signature, without throwing', async () => {
    await expect(tampered({ signature: 'bogus' })).resolves.toMatchObject({ verified: false });
  });

  // Latchkey's own checks have to find these (security.md 2.13).
  test.each<[string, Tamper]>([
    ['crossOrigin without topOrigin', { crossOrigin: true }],
    ['the user handle of somebody else', { userHandle: 'c29tZWJvZHkgZWxzZQ' }],
    ['a missing user handle', { userHandle: null }],
    ['a device-bound passkey that turns into a synced one', { backupEligible: true, backedUp: true }],
  ])('the library does not look at %s', async (_, tamper) => {
    await expect(tampered(tamper)).resolves.toMatchObject({ verified: true });
  });
});

test('every tampering but that of the signature leaves a good signature behind', async () => {
  const authenticator = newAuthenticator();
  const { credential } = await register(authenticator);
  const tamper = { origin: 'https://evil.example', rpId: 'evil.example', challenge: 'b3RoZXI', counter: 99 };
  const response = await authenticator.get({ challenge: 'AAAA', rpId: rpID }, { origin, tamper });
  const asTheySay = { expectedOrigin: tamper.origin, expectedRPID: tamper.rpId, expectedChallenge: tamper.challenge };
  const answer = await verifyAuthenticationResponse({ response, credential, ...asTheySay });
  expect(answer).toMatchObject({ verified: true, authenticationInfo: { newCounter: 99 } });
});

function creationOptions(): Promise<PublicKeyCredentialCreationOptionsJSON> {
  const userID = new Uint8Array(Buffer.from(userHandle, 'base64url'));
  return generateRegistrationOptions({
    rpName: 'Latchkey',
    rpID,
    userName: 'joiner@example.com',
    userID,
    supportedAlgorithmIDs,
  });
}

function verifyRegistration(response: RegistrationResponseJSON, expectedChallenge: string) {
  const expected = { expectedChallenge, expectedOrigin: origin, expectedRPID: rpID };
  return verifyRegistrationResponse({ response, ...expected, supportedAlgorithmIDs });
}

async function register(
  authenticator: SoftwareAuthenticator,
  asked: Partial<PublicKeyCredentialCreationOptionsJSON> = {},
  tamper: Tamper = {},
) {
  const options = { ...(await creationOptions()), ...asked };
  const response = await authenticator.create(options, { origin, tamper });
  const answer = await verifyRegistration(response, options.challenge);
  const credential = answer.registrationInfo?.credential as WebAuthnCredential;
  return { response, credential, ...answer };
}

async function signIn(authenticator: SoftwareAuthenticator, credential: WebAuthnCredential, tamper: Tamper = {}) {
  const options = await generateAuthenticationOptions({ rpID, userVerification: 'required' });
  const response: AuthenticationResponseJSON = await authenticator.get(options, { origin, tamper });
  const expected = { expectedChallenge: options.challenge, expectedOrigin: origin, expectedRPID: rpID };
  return verifyAuthenticationResponse({ response, credential, ...expected });
}
