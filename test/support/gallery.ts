import { type ComponentType, h, type VNode } from 'preact';
import type { Layout } from '../../views/layout.tsx';
import { ClaimValue } from '../../views/claim-values/claim-value.tsx';
import { messages } from '../../views/messages.ts';
import { ApiDocument } from '../../views/api-document/api-document.tsx';
import { NotMe } from '../../views/not-me/not-me.tsx';
import { Stopped } from '../../views/not-me/stopped.tsx';
import { LoggedOut } from '../../views/oidc/logged-out.tsx';
import { Logout } from '../../views/oidc/logout.tsx';
import { PassLink } from '../../views/pass/pass.tsx';
import { Problem } from '../../views/problem.tsx';
import { type ActivitySummary, RecentActivity } from '../../views/security-info/activity.tsx';
import { AddApp } from '../../views/security-info/add-app.tsx';
import type { MethodSummary } from '../../views/security-info/other-methods.tsx';
import { NewRecoveryCodes, RecoveryCodes } from '../../views/security-info/recovery-codes.tsx';
import { RemoveMethod } from '../../views/security-info/remove-method.tsx';
import { SecurityInfo } from '../../views/security-info/security-info.tsx';
import { SetPassword } from '../../views/security-info/set-password.tsx';
import type { PasskeySummary } from '../../views/security-info/passkey-card.tsx';
import type { SessionSummary } from '../../views/security-info/session-card.tsx';
import { Unlink } from '../../views/security-info/unlink.tsx';
import { StopActivity } from '../../views/security-info/stop-activity.tsx';
import { SignOutEverywhere } from '../../views/security-info/sign-out-everywhere.tsx';
import { ContinueLink } from '../../views/continue/continue-link.tsx';
import { Done } from '../../views/continue/done.tsx';
import { CalledLost, Disowned, Reclaimed } from '../../views/sign-in/called-lost.tsx';
import { Complete } from '../../views/sign-in/complete.tsx';
import { Confirm } from '../../views/sign-in/confirm.tsx';
import { EnrolApp } from '../../views/sign-in/enrol-app.tsx';
import { Enrol } from '../../views/sign-in/enrol.tsx';
import { Identify } from '../../views/sign-in/identify.tsx';
import { Lost } from '../../views/sign-in/lost.tsx';
import { Reconfirm } from '../../views/sign-in/reconfirm.tsx';
import { Verify } from '../../views/sign-in/verify.tsx';
import { Wait } from '../../views/sign-in/wait.tsx';

/** One page in one state: what the tests render, and a person may look at. */
export interface Exhibit {
  readonly name: string;
  /** `main[data-step]`. */
  readonly step: string;
  /** Ids that scripts and tests rely on in this state. */
  readonly hooks: readonly string[];
  readonly render: (change?: (text: string, key: string) => string) => VNode;
}

export const layout: Layout = {
  assets: {
    style: '/assets/style.css',
    passkeyScript: '/assets/passkey.js',
    passScript: '/assets/pass.js',
    continueScript: '/assets/continue.js',
    waitScript: '/assets/wait.js',
    webauthnScript: '/assets/simplewebauthn.js',
    mark: '/assets/latchkey.svg',
  },
  lang: 'en',
};

const reference = '01JDA7Q4W8';
const interaction = { layout, base: '/sign-in/Nw3kz9', csrf: 'c5rf-token', appName: 'Payroll' };
const around = { layout, base: '/sign-in/Nw3kz9', csrf: 'c5rf-token' };
const longName = 'wilhelmina.alexandra.von-und-zu-hohenlohe@really-quite-a-long-department.contoso.example';
const arabicApp = 'بوابة الموظفين';
const ends = { at: '2026-11-21T13:42:00Z', text: '13:42 UTC', secondsLeft: 583 };
const elsewhere = ['upstream', 'passkey', 'temporary-access-pass', 'recovery-code'] as const;
const elsewhereHooks = ['other-ways', 'use-upstream', 'use-passkey', 'use-pass', 'use-recovery-code', 'cancel'];
const both = ['passkey', 'temporary-access-pass'] as const;

const keychain: PasskeySummary = {
  id: '9b1f0c1e',
  name: 'iCloud Keychain',
  provider: 'iCloud Keychain',
  deviceBound: false,
  created: { at: '2026-11-21T13:40:00Z', text: '21 November 2026' },
  lastUsed: { at: '2026-11-21T13:41:00Z', text: '21 November 2026, 13:41 UTC' },
  lastUsedWith: 'Safari, iOS',
};
const securityKey: PasskeySummary = {
  id: '4c7e22aa',
  name: 'The blue key on my ring',
  deviceBound: true,
  created: { at: '2026-11-22T09:00:00Z', text: '22 November 2026' },
};

const thisSession: SessionSummary = {
  id: 'Jf0aQ2',
  device: 'Firefox on Linux',
  place: '192.0.2.17',
  method: 'passkey',
  started: { at: '2026-11-22T08:55:00Z', text: '2026-11-22 08:55 UTC' },
  lastSeen: { at: '2026-11-22T09:01:00Z', text: '2026-11-22 09:01 UTC' },
  apps: ['Payroll', arabicApp],
  current: true,
};
const signedInHere: ActivitySummary = {
  id: '0b0e4a0e-7b0e-4b6e-9d6e-2f0c1d7f8a01',
  kind: 'signed-in',
  at: thisSession.started,
  by: 'themselves',
  app: 'Payroll',
  proofs: ['password', 'authenticator-app'],
  device: 'Firefox on Linux',
  place: '2001:db8:85a3:8d3:1319:8a2e:370:7348',
};
const byAdministrator: ActivitySummary = {
  id: '0b0e4a0e-7b0e-4b6e-9d6e-2f0c1d7f8a02',
  kind: 'pass.issued',
  at: thisSession.started,
  by: 'administrator',
  proofs: [],
};
const renamedThere: ActivitySummary = {
  id: '0b0e4a0e-7b0e-4b6e-9d6e-2f0c1d7f8a03',
  kind: 'passkey.renamed',
  at: thisSession.started,
  by: 'themselves',
  proofs: [],
  about: 'A key with a name that is as long as a name may be at all, in full',
  place: '198.51.100.7',
};
const bareSession: SessionSummary = {
  ...thisSession,
  id: 'x81kPw',
  device: undefined,
  place: undefined,
  apps: [],
  current: false,
};
const passSession: SessionSummary = {
  ...thisSession,
  id: 'Q7mZt3',
  device: 'Safari on iPhone',
  place: '2001:db8:85a3:8d3:1319:8a2e:370:7348',
  method: 'pass',
  apps: ['Payroll'],
  current: false,
};

const others: readonly MethodSummary[] = [
  {
    id: '28c10230',
    kind: 'password',
    name: 'Password',
    created: { at: '2026-11-22T09:00:00Z', text: '22 November 2026' },
    suspended: true,
  },
  {
    id: '7d1e03bb',
    kind: 'authenticator-app',
    name: 'Authenticator app set up in Firefox on Linux',
    created: { at: '2026-11-22T09:00:00Z', text: '22 November 2026' },
    lastUsed: { at: '2026-11-22T09:01:00Z', text: '22 November 2026' },
    lastUsedWith: 'Firefox on Linux',
    suspended: false,
  },
  {
    id: '5af2290c',
    kind: 'recovery-code',
    name: 'Recovery codes (9 of 10 left)',
    created: { at: '2026-11-22T09:00:00Z', text: '22 November 2026' },
    suspended: false,
  },
];
const addable = ['password', 'authenticator-app', 'recovery-code'] as const;
const secret = { secret: 'JBSW Y3DP EHPK 3PXP', uri: 'otpauth://totp/Latchkey:joiner?secret=JBSWY3DPEHPK3PXP' };

const person = {
  layout,
  csrf: 'c5rf-token',
  displayName: 'New Joiner',
  userPrincipalName: 'joiner@example.com',
  signOutUrl: '/session/end',
};
const formHtml =
  '<form id="op.logoutForm" method="post" action="/session/end/confirm"><input type="hidden" name="xsrf" value="0123abcd"/></form>';

const identifyHooks = ['username', 'continue', 'use-passkey', 'use-pass', 'cancel'];
const verifyHooks = ['other-ways', 'use-passkey', 'use-pass', 'cancel'];
const codeHooks = ['other-ways', 'code', 'continue', 'use-passkey', 'cancel'];

export const gallery: readonly Exhibit[] = [
  show('identify', 'identify', identifyHooks, Identify, interaction),
  show('identify-login-hint', 'identify', identifyHooks, Identify, {
    ...interaction,
    appName: arabicApp,
    userName: longName,
  }),
  show('identify-without-passkeys', 'identify', ['username', 'continue', 'use-pass', 'cancel'], Identify, {
    ...interaction,
    withoutPasskeys: true,
  }),
  show('identify-empty-name', 'identify', identifyHooks, Identify, { ...interaction, error: 'emptyName' }),
  show('identify-empty-name-with-pass', 'identify', ['username', 'continue', 'use-passkey', 'cancel'], Identify, {
    ...interaction,
    error: 'emptyName',
    withPass: true,
  }),
  show('identify-passkey-unknown', 'identify', identifyHooks, Identify, { ...interaction, error: 'passkeyUnknown' }),

  show('verify-passkey', 'verify', verifyHooks, Verify, {
    ...interaction,
    userName: 'joiner@example.com',
    methods: both,
    chosen: 'passkey',
  }),
  show('verify-without-passkey', 'verify', ['add-passkey', 'use-pass', 'cancel'], Verify, {
    ...interaction,
    userName: 'guest@example.com',
    methods: both,
    chosen: 'passkey',
    withoutPasskey: true,
  }),
  show('verify-for-the-app', 'verify', ['use-passkey', 'cancel'], Verify, {
    ...interaction,
    userName: 'guest@example.com',
    methods: ['passkey'],
    chosen: 'passkey',
    forTheApp: true,
  }),
  show('verify-passkey-suspended', 'verify', verifyHooks, Verify, {
    ...interaction,
    userName: longName,
    methods: both,
    chosen: 'passkey',
    error: 'passkeySuspended',
    reference,
  }),
  show('verify-passkey-not-allowed', 'verify', verifyHooks, Verify, {
    ...interaction,
    userName: longName,
    methods: both,
    chosen: 'passkey',
    error: 'passkeyNotAllowed',
    reference,
  }),
  show('verify-pass', 'verify', codeHooks, Verify, {
    ...interaction,
    userName: 'joiner@example.com',
    methods: both,
    chosen: 'temporary-access-pass',
  }),
  show('verify-pass-refused', 'verify', codeHooks, Verify, {
    ...interaction,
    userName: 'joiner@example.com',
    methods: both,
    chosen: 'temporary-access-pass',
    error: 'refused',
  }),
  show('verify-pass-passkey-of-other', 'verify', codeHooks, Verify, {
    ...interaction,
    userName: 'joiner@example.com',
    methods: both,
    chosen: 'temporary-access-pass',
    error: 'passkeyOfOther',
  }),
  show('verify-pass-only', 'verify', ['code', 'continue', 'cancel'], Verify, {
    ...interaction,
    userName: longName,
    methods: ['temporary-access-pass'],
    chosen: 'temporary-access-pass',
  }),

  show('verify-upstream', 'verify', elsewhereHooks, Verify, {
    ...interaction,
    userName: 'joiner@contoso.example',
    methods: elsewhere,
    chosen: 'upstream',
    provider: 'Contoso',
  }),
  show('verify-upstream-cancelled', 'verify', elsewhereHooks, Verify, {
    ...interaction,
    appName: arabicApp,
    userName: longName,
    methods: elsewhere,
    chosen: 'upstream',
    provider: 'The Really Quite Long-Named Department of Contoso International',
    error: 'upstreamCancelled',
  }),
  show('verify-upstream-enforced', 'verify', ['use-upstream', 'cancel'], Verify, {
    ...interaction,
    userName: 'joiner@contoso.example',
    methods: ['upstream'],
    chosen: 'upstream',
    provider: 'Contoso',
    error: 'upstreamRefused',
    reference,
  }),
  show('verify-pass-of-federated', 'verify', ['other-ways', 'code', 'continue', 'use-upstream', 'cancel'], Verify, {
    ...interaction,
    userName: 'joiner@contoso.example',
    methods: elsewhere,
    chosen: 'temporary-access-pass',
    provider: 'Contoso',
  }),

  show('enrol', 'enrol', ['create-passkey', 'cancel'], Enrol, {
    ...interaction,
    ends,
    oneTime: true,
    others: ['authenticator-app'],
  }),
  show('enrol-elsewhere', 'enrol', ['create-passkey', 'cancel'], Enrol, {
    ...interaction,
    base: '/continue/Nw3kz9',
    ends,
    oneTime: true,
    others: ['authenticator-app'],
    carriedFor: longName,
  }),
  show('wait-offered', 'wait', ['take-back', 'cancel'], Wait, {
    ...interaction,
    ends,
    carrying: 'offered',
    link: 'https://id.example.com/continue#Q2FycmllZE9uQ2FycmllZE9uQ2FycmllZE9uQ2Fycmll',
  }),
  show('wait-claimed', 'wait', ['take-back', 'cancel'], Wait, { ...interaction, ends, carrying: 'claimed' }),
  show('wait-saved', 'wait', ['take-back', 'cancel'], Wait, {
    ...interaction,
    appName: arabicApp,
    ends: { ...ends, secondsLeft: 42 },
    carrying: 'saved',
  }),
  show('enrol-reusable', 'enrol', ['create-passkey', 'cancel'], Enrol, {
    ...interaction,
    appName: arabicApp,
    ends: { ...ends, secondsLeft: 42 },
    oneTime: false,
    others: [],
    error: 'notCreated',
  }),
  show('enrol-already', 'enrol', ['create-passkey', 'cancel'], Enrol, {
    ...interaction,
    ends,
    oneTime: true,
    others: [],
    error: 'alreadyRegistered',
  }),
  show('enrol-time-is-up', 'enrol', ['create-passkey', 'cancel'], Enrol, {
    ...interaction,
    ends: { ...ends, secondsLeft: 0 },
    oneTime: true,
    others: [],
  }),

  show('enrol-required', 'enrol', ['create-passkey', 'cancel'], Enrol, {
    ...interaction,
    ends: null,
    demanded: 'required',
    oneTime: false,
    others: ['authenticator-app'],
  }),
  show('enrol-nudge', 'enrol', ['create-passkey', 'not-now', 'cancel'], Enrol, {
    ...interaction,
    appName: arabicApp,
    ends: null,
    demanded: 'nudge',
    oneTime: false,
    others: [],
  }),
  show('enrol-app-nudge', 'enrol', ['code', 'continue', 'not-now', 'cancel'], EnrolApp, {
    ...interaction,
    ends: null,
    demanded: 'nudge',
    others: ['passkey'],
    secret: 'JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP',
    uri: 'otpauth://totp/Latchkey:joiner@example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Latchkey',
    withPassword: true,
  }),

  show('enrol-recovery', 'enrol', ['create-passkey', 'lost', 'cancel'], Enrol, {
    ...interaction,
    ends,
    oneTime: true,
    others: [],
    mayHaveLost: true,
  }),
  show('enrol-lost-suspended', 'enrol', ['create-passkey', 'cancel'], Enrol, {
    ...interaction,
    ends,
    oneTime: true,
    others: [],
    lostSuspended: true,
  }),
  show('lost', 'lost', ['lost-9b1f0c1e', 'suspend-lost', 'back'], Lost, {
    ...around,
    ends,
    methods: [
      {
        id: '9b1f0c1e',
        kind: 'passkey',
        name: 'iCloud Keychain',
        lastUsed: { at: '2026-11-20T08:00:00Z', text: '20 November 2026' },
        lastUsedWith: 'Safari, iOS',
      },
      { id: '5a21', kind: 'passkey', name: longName },
      {
        id: '77aa',
        kind: 'authenticator-app',
        name: 'Authenticator app set up in Chrome, Android',
        lastUsed: { at: '2026-11-19T08:00:00Z', text: '19 November 2026' },
      },
      { id: '88bb', kind: 'recovery-code', name: 'Recovery codes (9 of 10 left)' },
    ],
  }),
  show('reconfirm', 'reconfirm', ['still-mine', 'change-methods', 'cancel'], Reconfirm, {
    ...interaction,
    methods: [
      {
        id: '9b1f0c1e',
        kind: 'passkey',
        name: 'iCloud Keychain',
        lastUsed: { at: '2026-11-20T08:00:00Z', text: '20 November 2026' },
        lastUsedWith: 'Safari, iOS',
      },
      { id: '5a21', kind: 'passkey', name: longName },
      { id: 'password', kind: 'password', name: 'Password' },
      { id: '77aa', kind: 'authenticator-app', name: 'Authenticator app set up in Chrome, Android' },
      { id: '88bb', kind: 'recovery-code', name: 'Recovery codes (9 of 10 left)' },
    ],
    links: [],
  }),
  show(
    'reconfirm-links',
    'reconfirm',
    ['still-mine', 'not-mine-l2', 'not-mine-l3', 'change-methods', 'cancel'],
    Reconfirm,
    {
      ...interaction,
      methods: [
        {
          id: '9b1f0c1e',
          kind: 'passkey',
          name: 'iCloud Keychain',
          lastUsed: { at: '2026-11-20T08:00:00Z', text: '20 November 2026' },
          lastUsedWith: 'Safari, iOS',
        },
      ],
      links: [
        {
          id: 'l1',
          name: 'Contoso',
          linked: { at: '2026-10-02T08:00:00Z', text: '2 October 2026' },
          lastUsed: { at: '2026-11-20T08:00:00Z', text: '20 November 2026' },
          ...{ opens: true, used: true, stops: [] },
        },
        {
          id: 'l2',
          name: longName,
          linked: { at: '2026-10-02T08:00:00Z', text: '2 October 2026' },
          ...{ opens: true, used: false, stops: ['Recovery codes (9 of 10 left)', longName] },
        },
        {
          id: 'l3',
          name: 'Northwind',
          linked: { at: '2026-10-02T08:00:00Z', text: '2 October 2026' },
          ...{ opens: false, used: false, stops: [] },
        },
      ],
    },
  ),
  show('disowned', 'stopped', ['go-on'], Disowned, { ...around, name: 'Northwind', at: '2026-11-21 12:04 UTC' }),
  show('called-lost', 'called-lost', ['stop', 'go-on'], CalledLost, { ...around, at: '2026-11-21 12:00 UTC' }),
  show('called-lost-removed', 'called-lost', ['stop', 'go-on'], CalledLost, {
    ...around,
    at: '2026-11-21 12:00 UTC',
    removed: true,
  }),
  show('reclaimed', 'stopped', ['go-on'], Reclaimed, { ...around, at: '2026-11-21 12:04 UTC' }),

  show('enrol-app', 'enrol', ['code', 'continue', 'use-passkey', 'cancel'], EnrolApp, {
    ...interaction,
    ends,
    others: ['passkey'],
    secret: 'JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP',
    uri: 'otpauth://totp/Latchkey:joiner@example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Latchkey',
    withPassword: true,
  }),
  show('enrol-app-refused', 'enrol', ['code', 'continue', 'cancel'], EnrolApp, {
    ...interaction,
    ends,
    others: [],
    secret: 'JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP',
    uri: 'otpauth://totp/Latchkey:joiner@example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Latchkey',
    withPassword: true,
    error: 'appRefused',
  }),
  show(
    'verify-password',
    'verify',
    ['other-ways', 'continue', 'use-passkey', 'use-pass', 'use-recovery-code', 'cancel'],
    Verify,
    {
      ...interaction,
      userName: 'joiner@example.com',
      methods: ['passkey', 'temporary-access-pass', 'password', 'recovery-code'],
      chosen: 'password',
      error: 'wrongPassword',
    },
  ),
  show('verify-app', 'verify', ['other-ways', 'code', 'continue', 'cancel'], Verify, {
    ...interaction,
    userName: 'joiner@example.com',
    methods: ['authenticator-app', 'passkey', 'temporary-access-pass', 'recovery-code'],
    chosen: 'authenticator-app',
  }),

  show('confirm', 'confirm', ['use-passkey', 'cancel'], Confirm, {
    ...interaction,
    ends,
    passkeyName: 'iCloud Keychain',
  }),
  show('confirm-refused', 'confirm', ['use-passkey', 'cancel'], Confirm, {
    ...interaction,
    ends,
    passkeyName: 'Passkey on Chrome, Linux',
    error: 'notConfirmed',
  }),

  show('pass-link', 'pass', ['username', 'code', 'continue', 'sign-in'], PassLink, {
    layout,
    csrf: 'c5rf-token',
    signInUrl: 'https://id.example.com/auth?client_id=latchkey-security-info&prompt=login',
  }),

  show('continue-link', 'continue', ['continue'], ContinueLink, { layout, csrf: 'c5rf-token' }),
  show('continue-done', 'complete', [], Done, {
    layout,
    account: longName,
    name: 'iCloud Keychain',
    deviceBound: false,
  }),
  show('continue-done-bound', 'complete', [], Done, {
    layout,
    account: 'joiner@example.com',
    name: 'The blue key on my ring',
    deviceBound: true,
  }),
  show('continue-done-app', 'complete', [], Done, { layout, account: 'joiner@example.com', deviceBound: null }),

  show('not-me', 'not-me', ['stop'], NotMe, {
    layout,
    csrf: 'c5rf-token',
    token: 'mYt0k3n',
    user: longName,
    at: '2026-11-21 12:00 UTC',
  }),
  show('stopped', 'stopped', ['continue'], Stopped, { layout, at: '2026-11-21 12:04 UTC' }),
  show('stopped-before', 'stopped', ['continue'], Stopped, { layout, at: '2026-11-21 12:04 UTC', already: true }),

  show('api-document', 'api-document', ['part-1'], ApiDocument, {
    layout,
    headers: {
      sent: [{ name: 'client-request-id', words: 'A name that the answer carries back' }],
      given: [{ name: 'request-id', words: 'Of this request' }],
    },
    parts: [
      {
        name: 'Users',
        operations: [
          {
            id: 'patchUsersUser',
            method: 'PATCH',
            path: ['/users/', 'user', ''],
            summary: 'Change a user',
            application: ['User.ReadWrite.All'],
            delegated: ['User.ReadWrite.All'],
            roles: ['Global Administrator', 'User Administrator'],
            minutes: 480,
            options: [],
            headers: ['client-request-id'],
            sent: [{ name: 'displayName', type: 'string', required: false }],
            status: '204',
            answerHeaders: ['request-id', 'client-request-id'],
            text: false,
            given: [],
            list: false,
          },
          {
            id: 'getUsersCount',
            method: 'GET',
            path: ['/users/$count'],
            summary: 'Count users',
            application: [],
            delegated: ['Directory.Read.All, User.Read.All'],
            roles: [],
            minutes: null,
            options: ['$filter'],
            headers: ['client-request-id'],
            sent: [],
            status: '200',
            answerHeaders: ['request-id', 'client-request-id'],
            text: true,
            given: [],
            list: false,
          },
          {
            id: 'getUsers',
            method: 'GET',
            path: ['/users'],
            summary: 'List users',
            application: ['User.Read.All'],
            delegated: ['User.Read.All'],
            roles: ['Global Reader'],
            minutes: 480,
            options: ['$select', '$top'],
            headers: ['client-request-id'],
            sent: [],
            status: '200',
            answerHeaders: ['request-id', 'client-request-id'],
            text: false,
            given: [{ name: 'id', type: 'uuid', required: true }],
            list: true,
          },
        ],
      },
    ],
  }),
  ...Object.entries(messages.claimValues).map(([path, words]) =>
    show(`claim-${path}`, 'claim-value', [], ClaimValue, { layout, value: `https://id.example.com/${path}`, words }),
  ),

  show('complete', 'complete', ['continue'], Complete, { layout, appName: 'Payroll', url: '/auth/Nw3kz9' }),
  show('complete-after-long', 'complete', ['continue'], Complete, {
    layout,
    appName: 'Payroll',
    url: '/auth/abc',
    openAgainUrl: 'https://payroll.example/login',
  }),

  show('complete-to-change', 'complete', ['continue', 'change-methods'], Complete, {
    layout,
    appName: 'Payroll',
    url: '/auth/abc',
    changeUrl: 'https://id.example.com/security-info',
  }),

  show('problem-sign-in-ended', 'error', ['continue'], Problem, {
    layout,
    problem: messages.problems.signInEnded,
    way: {
      kind: 'link',
      url: 'https://payroll.example/',
      text: messages.problem.backToApp,
      values: { app: 'Payroll' },
    },
    reference,
  }),
  show('problem-nothing-to-register', 'error', ['continue'], Problem, {
    layout,
    problem: messages.problems.nothingToRegister,
    way: { kind: 'post', action: '/sign-in/Nw3kz9/restart', csrf: 'c5rf-token', text: messages.problem.signInAgain },
  }),
  show('problem-window-ended', 'error', ['continue'], Problem, {
    layout,
    problem: messages.problems.windowEnded,
    way: {
      kind: 'post',
      action: '/sign-in/Nw3kz9/restart',
      csrf: 'c5rf-token',
      text: messages.problem.signInAgain,
    },
    reference,
  }),
  show('problem-pass-ended', 'error', ['continue'], Problem, {
    layout,
    problem: messages.problems.passEnded,
    way: { kind: 'post', action: '/sign-in/Nw3kz9/restart', csrf: 'c5rf-token', text: messages.problem.signInAgain },
    reference,
  }),
  show('problem-signed-in-as-another', 'error', ['continue'], Problem, {
    layout,
    problem: messages.problems.signedInAsAnother,
    values: { current: 'boss@example.com', other: 'joiner@example.com' },
    way: { kind: 'link', url: '/session/end', text: messages.problem.signOut },
    reference,
  }),
  ...(
    [
      'cookiesBlocked',
      'notFound',
      'forbidden',
      'needsPasskey',
      'crossSite',
      'badRequest',
      'tooLarge',
      'notMeEnded',
      'fault',
    ] as const
  ).map((problem) =>
    show(`problem-${problem}`, 'error', [], Problem, { layout, problem: messages.problems[problem], reference }),
  ),
  ...(['nobodyKnown', 'nameTaken', 'roleHeld', 'accountOff', 'homeElsewhere'] as const).map((problem) =>
    show(`problem-${problem}`, 'error', ['continue'], Problem, {
      layout,
      problem: messages.problems[problem],
      values: { provider: 'Contoso', other: longName },
      way: { kind: 'post', action: '/sign-in/Nw3kz9/back', csrf: 'c5rf-token', text: messages.problem.signInOtherwise },
      reference,
    }),
  ),
  show('problem-signed-in-as-another-there', 'error', ['continue'], Problem, {
    layout,
    problem: messages.problems.signedInAsAnotherThere,
    values: { current: 'boss@example.com', other: longName, provider: 'Contoso' },
    way: { kind: 'link', url: '/session/end', text: messages.problem.signOut },
    reference,
  }),
  show('problem-return-unknown', 'error', ['continue'], Problem, {
    layout,
    problem: messages.problems.returnUnknown,
    way: { kind: 'link', url: '/security-info', text: messages.problem.home },
    reference,
  }),
  show('problem-throttled', 'error', [], Problem, {
    layout,
    problem: messages.problems.throttled,
    values: { wait: '5 minutes' },
    reference,
  }),
  show('problem-overloaded', 'error', [], Problem, {
    layout,
    problem: messages.problems.overloaded,
    values: { wait: '2 seconds' },
    reference,
  }),
  show('problem-protocol', 'error', [], Problem, {
    layout,
    problem: messages.problems.protocol,
    details: {
      error: 'invalid_redirect_uri',
      description: "redirect_uri did not match any of the client's registered redirect_uris",
    },
    reference,
  }),

  show('security-info', 'security-info', ['sign-out', 'create-passkey'], SecurityInfo, {
    ...person,
    passkeys: [keychain, securityKey],
    notice: 'renamed',
  }),
  show('security-info-links', 'security-info', ['links', 'unlink-l1', 'link-northwind'], SecurityInfo, {
    ...person,
    passkeys: [keychain],
    notice: 'linked',
    links: {
      linked: [
        { id: 'l1', name: 'Contoso', created: keychain.created, lastUsed: keychain.lastUsed, waits: false },
        { id: 'l2', name: 'Fabrikam', created: keychain.created, waits: true },
      ],
      offered: [{ id: 'northwind', name: 'Northwind' }],
    },
  }),
  show('security-info-link-taken', 'security-info', ['link-northwind'], SecurityInfo, {
    ...person,
    passkeys: [keychain],
    error: 'linkTaken',
    reference: '0b9c6b9e-7a0c-4a55-8a6f-2f6f0f1f2f3f',
    links: { linked: [], offered: [{ id: 'northwind', name: 'Northwind' }] },
  }),
  show('unlink', 'unlink', ['unlink', 'back'], Unlink, {
    layout,
    csrf: 'c5rf-token',
    id: 'l1',
    name: 'Contoso',
    lastWayIn: false,
  }),
  show('unlink-last', 'unlink', ['back'], Unlink, {
    layout,
    csrf: 'c5rf-token',
    id: 'l1',
    name: 'Contoso',
    lastWayIn: true,
  }),
  show('security-info-sessions', 'security-info', ['sign-out', 'sign-out-everywhere'], SecurityInfo, {
    ...person,
    passkeys: [keychain, securityKey],
    sessions: [thisSession, passSession, bareSession],
    signals: { rpId: 'id.example.com', userId: 'dXNlcg', credentialIds: ['Zmlyc3Q', 'c2Vjb25k'] },
    notice: 'sessionEnded',
  }),
  show(
    'security-info-all',
    'security-info',
    ['add-password', 'add-authenticator-app', 'add-recovery-code', 'use-again-9b1f0c1e'],
    SecurityInfo,
    {
      ...person,
      passkeys: [
        { ...keychain, suspended: true, suspension: { at: '2026-11-21 12:00 UTC', for: 'lost' } },
        { ...securityKey, suspended: true, suspension: { at: '2026-11-21 12:00 UTC', for: 'administrator' } },
      ],
      others,
      mayAdd: addable,
      error: 'lastWayIn',
    },
  ),
  show('security-info-bare', 'security-info', ['add-password', 'add-authenticator-app'], SecurityInfo, {
    ...person,
    passkeys: [keychain],
    mayAdd: addable,
    notice: 'removed',
  }),
  show('add-app', 'add-app', ['code', 'continue', 'back'], AddApp, {
    layout,
    csrf: 'c5rf-token',
    ...secret,
    withPassword: false,
    error: 'appRefused',
  }),
  show('add-app-and-password', 'add-app', ['code', 'password', 'repeat', 'continue', 'back'], AddApp, {
    layout,
    csrf: 'c5rf-token',
    ...secret,
    withPassword: true,
    error: 'passwordsDiffer',
  }),
  show('set-password', 'set-password', ['password', 'repeat', 'save-password', 'back'], SetPassword, {
    layout,
    csrf: 'c5rf-token',
    userPrincipalName: longName,
    change: false,
  }),
  show('change-password', 'set-password', ['password', 'repeat', 'save-password', 'back'], SetPassword, {
    layout,
    csrf: 'c5rf-token',
    userPrincipalName: longName,
    change: true,
    error: 'passwordWeak',
  }),
  show('recovery-codes', 'recovery-codes', ['make-codes', 'back'], RecoveryCodes, {
    layout,
    csrf: 'c5rf-token',
    replacing: true,
  }),
  show('new-recovery-codes', 'new-recovery-codes', ['codes', 'done'], NewRecoveryCodes, {
    layout,
    userPrincipalName: longName,
    codes: ['ABCD-EFGH-JKLM-NPQR-STUV', '2345-6789-ABCD-EFGH-JKLM'],
  }),
  show('remove-method', 'remove-method', ['remove', 'back'], RemoveMethod, {
    layout,
    csrf: 'c5rf-token',
    method: { id: securityKey.id, kind: 'passkey', name: securityKey.name },
    lastWayIn: false,
    lastStrong: true,
    leaves: [],
  }),
  show('remove-method-last-here', 'remove-method', ['remove', 'back'], RemoveMethod, {
    layout,
    csrf: 'c5rf-token',
    method: { id: securityKey.id, kind: 'passkey', name: securityKey.name },
    lastWayIn: false,
    lastStrong: false,
    leaves: ['Contoso', longName],
  }),
  show('remove-method-last', 'remove-method', ['back'], RemoveMethod, {
    layout,
    csrf: 'c5rf-token',
    method: { id: securityKey.id, kind: 'passkey', name: securityKey.name },
    lastWayIn: true,
    lastStrong: false,
    leaves: [],
  }),
  show('sign-out-everywhere', 'sign-out-everywhere', ['sign-out-everywhere', 'back'], SignOutEverywhere, {
    layout,
    csrf: 'c5rf-token',
  }),
  show('activity', 'activity', ['tries', `not-me-${signedInHere.id}`, 'back'], RecentActivity, {
    layout,
    activities: [signedInHere, byAdministrator, renamedThere],
    failed: { count: 1_000, last: thisSession.started },
  }),
  show('activity-none', 'activity', ['tries', 'back'], RecentActivity, {
    layout,
    activities: [],
    failed: { count: 0 },
  }),
  show('stop-activity', 'stop-activity', ['suspends', 'stop', 'back'], StopActivity, {
    layout,
    csrf: 'c5rf-token',
    activity: renamedThere,
    suspends: [keychain.name, 'Authenticator app'],
  }),
  show('security-info-with-pass', 'security-info', ['sign-out', 'create-passkey'], SecurityInfo, {
    ...person,
    passkeys: [],
    withPass: { proveUrl: '/security-info/prove' },
  }),
  show('security-info-pass-added', 'security-info', ['sign-out', 'prove'], SecurityInfo, {
    ...person,
    passkeys: [keychain],
    notice: 'added',
    withPass: { proveUrl: '/security-info/prove' },
    mayAddPasskey: false,
  }),
  show('security-info-not-allowed', 'security-info', ['sign-out'], SecurityInfo, {
    ...person,
    passkeys: [{ ...keychain, refused: true }],
    others: others.map((method) => ({ ...method, refused: true })),
    mayAddPasskey: false,
    error: 'modelNotAllowed',
  }),
  show('security-info-one', 'security-info', ['sign-out', 'create-passkey'], SecurityInfo, {
    ...person,
    passkeys: [keychain],
    notice: 'added',
  }),
  show('security-info-empty', 'security-info', ['sign-out', 'create-passkey'], SecurityInfo, {
    ...person,
    userPrincipalName: longName,
    passkeys: [],
  }),
  show('security-info-mistake', 'security-info', ['sign-out', 'create-passkey'], SecurityInfo, {
    ...person,
    passkeys: [keychain, securityKey],
    error: 'noMethodName',
    typedName: '',
    errorMethodId: securityKey.id,
  }),

  show('logout', 'logout', ['confirm-logout'], Logout, { layout, formHtml, appName: 'Payroll' }),
  show('logout-by-oneself', 'logout', ['confirm-logout'], Logout, { layout, formHtml }),
  show('logged-out', 'logged-out', [], LoggedOut, { layout, homeUrl: '/security-info' }),
  show('logged-out-of-app', 'logged-out', [], LoggedOut, {
    layout,
    leftAppName: 'Payroll',
    homeUrl: '/security-info',
  }),
];

function show<Props extends object>(
  name: string,
  step: string,
  hooks: readonly string[],
  component: ComponentType<Props>,
  props: NoInfer<Props>,
): Exhibit {
  return {
    name,
    step,
    hooks,
    render: (change) => h(component, change ? changed<Props>(props, change) : props) as VNode,
  };
}

/** The same props with every text in them changed. */
function changed<Value>(value: Value, change: (text: string, key: string) => string, key = ''): Value {
  if (typeof value === 'string') return change(value, key) as Value;
  if (Array.isArray(value)) return value.map((item) => changed(item, change, key)) as Value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, changed(item, change, name)])) as Value;
}
