import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import { asciiDomain, domainOf } from '../../src/core/domain-name.ts';
import { providerChange, settingsWith } from '../../src/methods/upstream/provider-change.ts';
import { parseSeed } from '../../src/seed.ts';

describe('a domain', () => {
  test.each([
    ['contoso.example', 'contoso.example'],
    ['  Contoso.EXAMPLE. ', 'contoso.example'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['BÜCHER.example', 'xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['straße.example', 'xn--strae-oqa.example'],
    ['contoso。example', 'contoso.example'],
    ['a-b.c1.example', 'a-b.c1.example'],
    ['localhost', 'localhost'],
  ])('%j is kept as %j', (text, kept) => {
    expect(asciiDomain(text)).toBe(kept);
  });

  test.each([
    '',
    '.',
    'contoso',
    'contoso..example',
    '.contoso.example',
    'contoso.example..',
    '-contoso.example',
    'contoso-.example',
    'con toso.example',
    'con_toso.example',
    'contoso.example/path',
    'contoso.example:443',
    'user@contoso.example',
    '*.example',
    '192.0.2.1',
    '127.1',
    '0x7f.1',
    'contoso.1',
    '::1',
    '[::1]',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(124)}example`,
    'contoso.example\\path',
    'contoso.example?a',
    'contoso.example#a',
    'contoso%2eexample',
    'contoso.example／path',
    'contoso\0.example',
  ])('%j is none', (text) => {
    expect(asciiDomain(text)).toBeNull();
  });

  test.each([
    ['eve@Contoso.example', 'contoso.example'],
    ['eve@bücher.example', 'xn--bcher-kva.example'],
    ['"a@b"@contoso.example', 'contoso.example'],
    ['admin@localhost', 'localhost'],
    ['eve@contoso.example.', 'contoso.example'],
    ['eve\uff20contoso.example', 'contoso.example'],
    ['eve', null],
    ['@contoso.example', null],
    ['eve@', null],
    ['eve@intranet', null],
  ])('of the name %j is %j', (userName, domain) => {
    expect(domainOf(userName)).toBe(domain);
  });
});

const whole = { displayName: 'Contoso', issuer: 'https://login.contoso.example', clientId: 'latchkey' };

describe('a change', () => {
  test('holds what it names, and no defaults', () => {
    expect(providerChange.parse({ displayName: 'Contoso' })).toEqual({ displayName: 'Contoso' });
    expect(providerChange.parse({ scopes: ['email'], state: undefined })).toEqual({ scopes: ['openid', 'email'] });
    expect(providerChange.parse({})).toEqual({});
  });

  test.each<[object, string]>([
    [{ ceiling: 'phrh' }, 'ceiling'],
    [{ assurance: [{ level: '2f' }] }, 'assurance'],
    [{ claims: { mail: {} } }, 'claims.mail.claim'],
    [{ scopes: ['with space'] }, 'scopes.0'],
  ])('that cannot be, %j, is refused at %s', (named, path) => {
    const { error } = providerChange.safeParse(named);
    expect(error?.issues.map((issue) => issue.path.join('.'))).toContainEqual(expect.stringContaining(path));
  });

  test('with a name that nobody knows is refused', () => {
    expect(providerChange.safeParse({ clientSecret: 's' }).error?.issues[0]).toMatchObject({
      code: 'unrecognized_keys',
      keys: ['clientSecret'],
    });
    expect(providerChange.safeParse('text').success).toBe(false);
  });

  test('goes over what was there; in a new provider the rest is as by default', () => {
    const made = settingsWith(undefined, whole, undefined);
    expect(made).toMatchObject({ ...whole, ceiling: '1f', createUsers: false, scopes: ['openid', 'profile', 'email'] });
    expect(made.claims.userPrincipalName).toEqual({ claim: 'preferred_username', refresh: 'creation' });
    const strong = settingsWith(made, { ceiling: 'phr' }, undefined);
    expect(settingsWith(strong, { displayName: 'C' }, undefined)).toEqual({ ...strong, displayName: 'C' });
  });

  test('leaves nothing out that a provider cannot be without, and says what', () => {
    expect(() => settingsWith(undefined, { displayName: 'Contoso' }, undefined)).toThrow(/issuer: .*clientId: /s);
  });
});

describe('an issuer', () => {
  const judged = (issuer: string, ourIssuer?: string) => {
    try {
      settingsWith(undefined, { ...whole, issuer }, ourIssuer);
      return 'taken';
    } catch (error) {
      if (error instanceof AppError && error.code === 'invalid_input' && /^issuer: /.test(error.message))
        return 'refused';
      throw error;
    }
  };
  const [local, open] = ['http://localhost:3000', 'https://id.example.com'];

  test.each([
    ['https://login.contoso.example', open, 'taken'],
    ['https://login.contoso.example/tenant/v2.0', open, 'taken'],
    ['https://localhost:9000', open, 'taken'],
    ['http://login.contoso.example', open, 'refused'],
    ['http://login.contoso.example', local, 'refused'],
    ['http://localhost:9000', open, 'refused'],
    ['http://localhost:9000', undefined, 'refused'],
    ['http://localhost:9000', local, 'taken'],
    ['http://127.0.0.1:9000', local, 'taken'],
    ['http://[::1]:9000', local, 'taken'],
    ['http://idp.localhost:9000', 'http://latchkey.localhost:3000', 'taken'],
    ['http://127.0.0.1.contoso.example', local, 'refused'],
    ['http://192.168.0.1', local, 'refused'],
    ['https://login.contoso.example?tenant=1', open, 'refused'],
    ['https://login.contoso.example?', open, 'refused'],
    ['https://login.contoso.example/a b', open, 'refused'],
    ['https://login.contoso.example#a', open, 'refused'],
    ['https://user@login.contoso.example', open, 'refused'],
    ['https://user:pw@login.contoso.example', open, 'refused'],
    ['ftp://login.contoso.example', open, 'refused'],
    ['login.contoso.example', open, 'refused'],
    [open, open, 'refused'],
    [`${open}/`, open, 'refused'],
  ])('%s, where ours is %s, is %s', (issuer, ours, verdict) => {
    expect(judged(issuer, ours)).toBe(verdict);
  });
});

describe('a provider in a seed file', () => {
  const parse = (...identityProviders: object[]) => parseSeed(JSON.stringify({ identityProviders }));
  const refusal = (provider: object) => {
    try {
      parse(provider);
    } catch (error) {
      return (error as AppError).message;
    }
    throw new Error('The seed was taken.');
  };
  const written = { id: 'contoso', displayName: 'Contoso', issuer: whole.issuer };

  test('of the shape in the design is taken', () => {
    const { identityProviders } = parse({
      ...written,
      client_id: 'latchkey',
      client_secret: 'hush',
      domains: ['contoso.example'],
    });
    expect(identityProviders).toEqual([
      { id: 'contoso', changes: whole, clientSecret: 'hush', domains: ['contoso.example'] },
    ]);
  });

  test('may use our own names, every setting, and domains with theirs', () => {
    const domain = { name: 'contoso.example', mfaBehavior: 'enforceMfaByFederatedIdp', straight: true };
    const { identityProviders } = parse({
      ...written,
      clientId: 'latchkey',
      clientSecret: 'hush',
      ceiling: '2f',
      assurance: [{ acr: 'strong', level: '2f' }],
      domains: [domain],
    });
    expect(identityProviders[0]).toMatchObject({
      clientSecret: 'hush',
      changes: { ceiling: '2f', assurance: [{ acr: 'strong', level: '2f', reports: [] }] },
      domains: [domain],
    });
  });

  test.each<[object, string]>([
    [{ ...written, id: 'Contoso' }, 'identityProviders.0.id'],
    [{ ...written, colour: 'red' }, '"colour"'],
    [{ ...written, ceiling: 'high' }, 'identityProviders.0.ceiling'],
    [{ ...written, client_secret: '' }, 'identityProviders.0.client_secret'],
    [{ ...written, client_id: 'a', clientId: 'b' }, 'identityProviders.0.client_id: stands there twice'],
    [{ ...written, domains: [{ name: 'a.example', mfa: 'x' }] }, 'identityProviders.0.domains.0'],
  ])('%j is refused: %s', (provider, sentence) => {
    expect(refusal(provider)).toContain(sentence);
  });

  test('is refused without its secret in the sentence', () => {
    const message = refusal({ ...written, client_secret: { value: 'hush-hush' }, colour: 'red' });
    expect(message).toContain('client_secret');
    expect(message).not.toContain('hush');
  });
});
