import { describe, expect, test } from 'vitest';
import { clientInput } from '../../src/clients/client.ts';
import { clientMetadataProblem } from '../../src/oidc/client-metadata.ts';

/** What may be written about a client: where its logout tokens go. */

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
