/** What may be wrong with what a browser sends: bodies and queries that no right answer looks like. */

export const formType = 'application/x-www-form-urlencoded';

export interface OddBody {
  readonly body: string | Buffer;
  /** A form, or JSON, when it is not said. */
  readonly type?: string;
  /** A page of ours could send it, so that it may change what a right form changes there. */
  readonly good?: true;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Forms, given the token of the page. */
export const formInputs: Readonly<Record<string, (csrf: string) => OddBody>> = {
  'no body': () => ({ body: '' }),
  'no body and no type': () => ({ body: '', type: '' }),
  'the token alone': (csrf) => ({ body: encoded({ csrf }), good: true }),
  'empty fields': (csrf) => ({
    body: encoded({ csrf, username: '', with: '', method: '', code: '', response: '' }),
    good: true,
  }),
  'fields nobody asked for': (csrf) => ({
    body: encoded({ csrf, extra: '1', __proto__x: 'x', constructor: 'y', toString: 'z', userId: 'x', evidence: '[]' }),
    good: true,
  }),
  'every field that a page has, filled': (csrf) => ({
    body: encoded({
      csrf,
      username: 'somebody@example.com',
      with: 'recovery-code',
      method: 'authenticator-app',
      code: '123456',
      password: 'x',
      repeat: 'x',
      response: '{}',
      name: 'A name',
      session: 'x',
      token: 'x',
      'lost-x': 'yes',
    }),
    good: true,
  }),
  'names that every object has': (csrf) => ({
    body: encoded({
      csrf,
      username: 'constructor',
      with: '__proto__',
      method: 'constructor',
      code: 'toString',
      password: '__proto__',
      repeat: '__proto__',
      session: 'hasOwnProperty',
      token: 'constructor',
      link: 'constructor',
      'lost-__proto__': 'yes',
      'lost-': 'yes',
      response: '{"__proto__":{"id":"x"},"constructor":{"prototype":{}}}',
    }),
    good: true,
  }),
  'half a surrogate pair': (csrf) => ({
    body: `${encoded({ csrf, response: '"\\ud800"' })}&username=%ed%a0%80&name=%ed%a0%80&password=%ed%b0%80&repeat=%ed%b0%80`,
    good: true,
  }),
  'numbers, true and null as texts': (csrf) => ({
    body: encoded({ csrf, username: '0', with: 'true', method: 'null', code: '-1', password: 'NaN', response: '0' }),
    good: true,
  }),
  'values that leave a statement': (csrf) => ({
    body: encoded({
      csrf,
      username: "'; drop table users; --",
      method: "' or 1=1 --",
      code: "' or '1'='1",
      password: "' or '1'='1",
      session: "' or 1=1 --",
      token: "' or 1=1 --",
      link: "' or 1=1 --",
      "lost-' or 1=1 --": 'yes',
    }),
    good: true,
  }),
  'a field named __proto__': (csrf) => ({ body: `csrf=${csrf}&__proto__=x&username=`, good: true }),
  'names with brackets': (csrf) => ({
    body: `csrf=${csrf}&username[]=a&username[x]=b&code[]=c&response[]=d`,
    good: true,
  }),
  'values that are long': (csrf) => ({
    body: encoded({
      csrf,
      username: 'x'.repeat(5_000),
      code: 'A'.repeat(5_000),
      response: `{"a":"${'x'.repeat(4_000)}"}`,
    }),
    good: true,
  }),
  'bytes that are no UTF-8': (csrf) => ({
    body: `csrf=${csrf}&username=%ff%fe%ed%a0%80&code=%ff&response=%ff&method=%ff`,
    good: true,
  }),
  'odd percent signs': (csrf) => ({ body: `csrf=${csrf}&username=%&code=%zz&response=%u0000`, good: true }),
  'JSON of the wrong shape': (csrf) => ({
    body: encoded({ csrf, code: '{}', response: JSON.stringify({ id: [], rawId: {}, response: null, type: 1 }) }),
    good: true,
  }),
  'deep JSON': (csrf) => ({ body: encoded({ csrf, response: '['.repeat(3_000) }), good: true }),
  'a field twice': (csrf) => ({ body: `csrf=${csrf}&username=a&username=b&code=a&code=b&response=a&response=b` }),
  'the token twice': (csrf) => ({ body: `csrf=${csrf}&csrf=${csrf}` }),
  'too many fields': (csrf) => ({ body: `csrf=${csrf}&${Array.from({ length: 70 }, (_, i) => `f${i}=1`).join('&')}` }),
  'too much': (csrf) => ({ body: encoded({ csrf, username: 'x', code: 'x'.repeat(140_000) }) }),
  'too much, and how much is not said': (csrf) => ({
    body: encoded({ csrf, username: 'x', code: 'x'.repeat(140_000) }),
    headers: { 'transfer-encoding': 'chunked' },
  }),
  NUL: (csrf) => ({ body: `csrf=${csrf}&username=a%00b&code=A%00&response=%00&method=%00&with=%00` }),
  'NUL in a name': (csrf) => ({ body: `csrf=${csrf}&user%00name=a` }),
  'NUL as it is': (csrf) => ({ body: Buffer.from(`csrf=${csrf}&username=a\0b`) }),
  'JSON instead': (csrf) => ({ body: JSON.stringify({ csrf, username: 'x', code: 'x' }), type: 'application/json' }),
  'text instead': (csrf) => ({ body: encoded({ csrf, username: 'x' }), type: 'text/plain' }),
  'multipart instead': (csrf) => ({
    body: `--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n${csrf}\r\n--x--\r\n`,
    type: 'multipart/form-data; boundary=x',
  }),
};

const encoded = (fields: Readonly<Record<string, string>>): string => `${new URLSearchParams(fields)}`;

/** What a page's script posts. */
export const jsonInputs: Readonly<Record<string, OddBody>> = {
  'no body': { body: '' },
  'no body and no type': { body: '', type: '' },
  'an empty object': { body: '{}' },
  null: { body: 'null' },
  'a list': { body: '[]' },
  'a number': { body: '1' },
  'a property twice': { body: '{"preferredAuthenticatorType":"a","preferredAuthenticatorType":"b"}' },
  'properties nobody asked for': { body: '{"__proto__":{"x":1},"constructor":1,"extra":[]}' },
  'a value of the wrong type': { body: '{"preferredAuthenticatorType":{"$ne":1}}' },
  'too much': { body: `{"a":"${'x'.repeat(70_000)}"}` },
  'half a surrogate pair': { body: '{"preferredAuthenticatorType":"\\ud800"}' },
  NUL: { body: '{"preferredAuthenticatorType":"\\u0000"}' },
  'NUL as it is': { body: Buffer.from('{"a":"\0"}') },
  'half of it': { body: '{"a":' },
  'deep JSON': { body: '['.repeat(20_000) },
  'a form instead': { body: 'a=b', type: formType },
  'text instead': { body: '{}', type: 'text/plain' },
};

/** Behind an address that is looked at. */
export const queries: readonly string[] = [
  '',
  '?',
  '?a=1&a=2',
  '?token=x&token=y&state=x&state=y&notice=x&notice=y',
  '?token[]=x&state[a]=b',
  '?state=fresh-x',
  '?notice=constructor&error=constructor&said=__proto__&method=__proto__',
  '?notice=__proto__&error=toString&__proto__=x&constructor=y',
  '?notice=<script>alert(1)</script>&error="onload=x&token=<b>',
  '?token=%ed%a0%80&state=%ff&error=%',
  '?token=%00',
  `?token=${'x'.repeat(9_000)}`,
  `?token=${'x'.repeat(20_000)}`,
  `?${'a&'.repeat(3_000)}`,
];
