import { describe, expect, test } from 'vitest';
import { clientInput } from '../../src/clients/client.ts';
import { clientMetadataProblem } from '../../src/oidc/client-metadata.ts';

/** What may be written about a client: where its logout tokens go, and how strong a sign-in it takes. */

const client = (backchannel_logout_uri: unknown, more: object = {}) => ({
  client_id: 'app',
  redirect_uris: ['https://app.example/cb'],
  backchannel_logout_uri,
  ...more,
});

describe('backchannel_logout_uri', () => {
  test.each([
    'https://app.example/logout',
    'https://app.example:8443/logout?tenant=1',
    'http://localhost:4000/logout',
    'http://127.0.0.1:4000/logout',
    'http://[::1]:4000/logout',
    'http://app.localhost:4000/logout',
  ])('%s is taken', (uri) => {
    expect(clientInput.safeParse(client(uri)).success).toBe(true);
    const { client_id, redirect_uris } = client(uri);
    const metadata = { client_id, redirect_uris, backchannel_logout_uri: uri, token_endpoint_auth_method: 'none' };
    expect(clientMetadataProblem(metadata)).toBeUndefined();
  });

  test.each([
    'http://app.example/logout',
    'http://10.0.0.1/logout',
    'http://localhost.evil.example/logout',
    'http://evil-localhost/logout',
    'https://app.example/logout#part',
    'https://user:secret@app.example/logout',
    'ftp://app.example/logout',
    'javascript:alert(1)',
    '/logout',
    '',
    7,
  ])('%s is refused by its name', (uri) => {
    const parsed = clientInput.safeParse(client(uri));
    expect(parsed.error?.issues[0]?.path).toEqual(['backchannel_logout_uri']);
  });
});

test('backchannel_logout_session_required is a yes or no', () => {
  const uri = 'https://app.example/logout';
  expect(clientInput.safeParse(client(uri, { backchannel_logout_session_required: true })).success).toBe(true);
  expect(clientInput.safeParse(client(uri, { backchannel_logout_session_required: 'yes' })).success).toBe(false);
});

describe('how strong a sign-in a client takes', () => {
  const aClient = (more: object) => ({ client_id: 'app', redirect_uris: ['https://app.example/cb'], ...more });

  test.each(['1f', '2f', 'phr'])('minimum_acr %s is taken, by the protocol too', (minimum_acr) => {
    expect(clientInput.safeParse(aClient({ minimum_acr })).success).toBe(true);
    const metadata = { ...aClient({ minimum_acr }), token_endpoint_auth_method: 'none' };
    expect(clientMetadataProblem(metadata)).toBeUndefined();
  });

  test.each(['phrh', 'bootstrap', 'acr/2f', 'https://id.example/acr/2f', '', 2])(
    'minimum_acr %j is refused',
    (value) => {
      const parsed = clientInput.safeParse(aClient({ minimum_acr: value }));
      expect(parsed.error?.issues.map(({ path, message }) => [path, message])).toEqual([
        [['minimum_acr'], 'must be 1f, 2f or phr: no sign-in reaches more yet'],
      ]);
    },
  );

  test('default_acr_values may name anything that acr_values may, and the protocol takes it', () => {
    const default_acr_values = ['phr', 'https://id.example/acr/2f', 'https://refeds.org/profile/mfa'];
    expect(clientInput.safeParse(aClient({ default_acr_values })).success).toBe(true);
    const metadata = { ...aClient({ default_acr_values }), token_endpoint_auth_method: 'none' };
    expect(clientMetadataProblem(metadata)).toBeUndefined();
  });

  test.each([['phr'], [['']], [['two words']], [['a\0']], [Array.from({ length: 21 }, () => 'phr')]])(
    'default_acr_values %j is refused',
    (value) => {
      const parsed = clientInput.safeParse(aClient({ default_acr_values: value }));
      expect(parsed.error?.issues[0]?.path[0]).toBe('default_acr_values');
    },
  );
});
