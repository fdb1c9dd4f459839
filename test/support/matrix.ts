/**
 * Who may do what by API, written out: every route and verb, every role, every permission, and whom it reaches. Nothing here is
 * taken from `src/roles`: a change there that this page does not know fails a cell of `test/flows/matrix.test.ts`.
 *
 * Y yes, `.` no.
 *   GA Global Administrator        PA Privileged Authentication Administrator   AA Authentication Administrator
 *   PI Pass Issuer                 EP Authentication Policy Administrator       UA User Administrator
 *   CA Application Administrator   GR Global Reader                             -- signed in, without a role
 * application, delegated: what opens the route to an application and to a person's token (`sets` below); `-` nothing does;
 *   `any` every token; `&` one of each.
 * proof: how many minutes ago the person used a passkey, at most; `-` no matter.
 * whom: `nobody` when the request is about no person, else a part of `reaches` below.
 */
const rows = `
                                                                  GA PA AA PI EP UA CA GR --  application delegated  proof whom
GET    /users                                                      Y  Y  Y  .  Y  Y  Y  Y  .  user        user         480 nobody
GET    /users/$count                                               Y  Y  Y  .  Y  Y  Y  Y  .  user        user         480 nobody
POST   /users                                                      Y  .  .  .  .  Y  .  .  .  user+       user+        480 nobody
GET    /users/:user                                                Y  Y  Y  .  Y  Y  Y  Y  .  user        user         480 anyone
PATCH  /users/:user                                                Y  .  .  .  .  Y  .  .  .  user+       user+        480 lower
DELETE /users/:user                                                Y  .  .  .  .  Y  .  .  .  user+       user+        480 lower
GET    /users/:user/manager                                        Y  Y  Y  .  Y  Y  Y  Y  .  user        user         480 anyone
PUT    /users/:user/manager/$ref                                   Y  .  .  .  .  Y  .  .  .  user+       user+        480 lower
DELETE /users/:user/manager/$ref                                   Y  .  .  .  .  Y  .  .  .  user+       user+        480 lower
GET    /users/:user/memberOf/$count                                Y  Y  Y  .  Y  Y  Y  Y  .  user&group  user&group   480 anyone
GET    /users/:user/memberOf                                       Y  Y  Y  .  Y  Y  Y  Y  .  user&group  user&group   480 anyone

GET    /groups                                                     Y  Y  Y  .  Y  Y  Y  Y  .  group       group        480 nobody
POST   /groups                                                     Y  .  .  .  .  Y  .  .  .  group+      group+       480 nobody
GET    /groups/$count                                              Y  Y  Y  .  Y  Y  Y  Y  .  group       group        480 nobody
GET    /groups/:group/members/$count                               Y  Y  Y  .  Y  Y  Y  Y  .  user&group  user&group   480 nobody
GET    /groups/:group                                              Y  Y  Y  .  Y  Y  Y  Y  .  group       group        480 nobody
PATCH  /groups/:group                                              Y  .  .  .  .  Y  .  .  .  group+      group+       480 group
DELETE /groups/:group                                              Y  .  .  .  .  Y  .  .  .  group+      group+       480 inside
GET    /groups/:group/members                                      Y  Y  Y  .  Y  Y  Y  Y  .  user&group  user&group   480 nobody
POST   /groups/:group/members/$ref                                 Y  .  .  .  .  Y  .  .  .  group+      group+       480 member
DELETE /groups/:group/members/:member/$ref                         Y  .  .  .  .  Y  .  .  .  group+      group+       480 member

GET    /users/:user/authentication/temporaryAccessPassMethods      Y  Y  Y  Y  .  .  .  Y  .  pass        pass         480 seen
POST   /users/:user/authentication/temporaryAccessPassMethods      Y  Y  Y  Y  .  .  .  .  .  pass+       pass+         10 given
GET    /users/:user/authentication/temporaryAccessPassMethods/:pass
                                                                   Y  Y  Y  Y  .  .  .  Y  .  pass        pass         480 seen
POST   /users/:user/authentication/temporaryAccessPassMethods/:pass/extend
                                                                   Y  Y  Y  Y  .  .  .  .  .  pass+       pass+         10 given
DELETE /users/:user/authentication/temporaryAccessPassMethods/:pass
                                                                   Y  Y  Y  Y  .  .  .  .  .  pass+       pass+         10 given
GET    /users/:user/authentication/passHistory                     Y  Y  Y  Y  .  .  .  Y  .  pass        pass         480 seen

GET    /users/:user/authentication/methods                         Y  Y  Y  .  .  .  .  Y  .  method      method       480 seen
GET    /users/:user/authentication/methods/:method                 Y  Y  Y  .  .  .  .  Y  .  method      method       480 seen
POST   /users/:user/authentication/methods/:method/resetPassword   Y  Y  Y  .  .  .  .  .  .  method+     method+       10 given
GET    /users/:user/authentication/operations/:operation           Y  Y  Y  .  .  .  .  Y  .  method      method       480 seen
GET    /users/:user/authentication/passwordMethods                 Y  Y  Y  .  .  .  .  Y  .  method      method       480 seen
GET    /users/:user/authentication/passwordMethods/:method         Y  Y  Y  .  .  .  .  Y  .  method      method       480 seen
GET    /users/:user/authentication/softwareOathMethods             Y  Y  Y  .  .  .  .  Y  .  method      method       480 seen
GET    /users/:user/authentication/softwareOathMethods/:method     Y  Y  Y  .  .  .  .  Y  .  method      method       480 seen
PATCH  /users/:user/authentication/softwareOathMethods/:method     Y  Y  Y  .  .  .  .  .  .  method+     method+       10 given
DELETE /users/:user/authentication/softwareOathMethods/:method     Y  Y  Y  .  .  .  .  .  .  method+     method+       10 given
POST   /users/:user/authentication/contain                         Y  Y  Y  .  .  .  .  .  .  method+     method+       10 given
GET    /users/:user/authentication/fido2Methods                    Y  Y  Y  .  .  .  .  Y  .  passkey     passkey      480 seen
POST   /users/:user/authentication/fido2Methods                    Y  Y  Y  .  .  .  .  .  .  passkey+    passkey+      10 given
GET    /users/:user/authentication/fido2Methods/creationOptions    Y  Y  Y  .  .  .  .  .  .  passkey+    passkey+      10 given
GET    /users/:user/authentication/fido2Methods/creationOptions:parameters
                                                                   Y  Y  Y  .  .  .  .  .  .  passkey+    passkey+      10 given
GET    /users/:user/authentication/fido2Methods/:method            Y  Y  Y  .  .  .  .  Y  .  passkey     passkey      480 seen
PATCH  /users/:user/authentication/fido2Methods/:method            Y  Y  Y  .  .  .  .  .  .  passkey+    passkey+      10 given
DELETE /users/:user/authentication/fido2Methods/:method            Y  Y  Y  .  .  .  .  .  .  passkey+    passkey+      10 given

GET    /policies/authenticationMethodsPolicy                       Y  .  .  .  Y  .  .  Y  .  policy      policy       480 nobody
PATCH  /policies/authenticationMethodsPolicy                       Y  .  .  .  Y  .  .  .  .  policy+     policy+       10 nobody
GET    /policies/authenticationMethodsPolicy/authenticationMethodConfigurations/:configuration
                                                                   Y  .  .  .  Y  .  .  Y  .  policy      policy       480 nobody
PATCH  /policies/authenticationMethodsPolicy/authenticationMethodConfigurations/:configuration
                                                                   Y  .  .  .  Y  .  .  .  .  policy+     policy+       10 nobody
DELETE /policies/authenticationMethodsPolicy/authenticationMethodConfigurations/:configuration
                                                                   Y  .  .  .  Y  .  .  .  .  policy+     policy+       10 nobody

GET    /roleManagement/directory/roleDefinitions                   Y  .  .  .  .  .  .  Y  .  -           role         480 nobody
GET    /roleManagement/directory/roleDefinitions/:role             Y  .  .  .  .  .  .  Y  .  -           role         480 nobody
GET    /roleManagement/directory/roleAssignments                   Y  .  .  .  .  .  .  Y  .  -           role         480 nobody
POST   /roleManagement/directory/roleAssignments                   Y  .  .  .  .  .  .  .  .  -           role+         10 lower
GET    /roleManagement/directory/roleAssignments/:assignment       Y  .  .  .  .  .  .  Y  .  -           role         480 holder
DELETE /roleManagement/directory/roleAssignments/:assignment       Y  .  .  .  .  .  .  .  .  -           role+         10 stripped

GET    /identity/identityProviders                                 Y  Y  Y  .  Y  .  .  Y  .  -           provider     480 nobody
POST   /identity/identityProviders                                 Y  .  .  .  .  .  .  .  .  -           provider+     10 nobody
GET    /identity/identityProviders/:provider                       Y  Y  Y  .  Y  .  .  Y  .  -           provider     480 nobody
PATCH  /identity/identityProviders/:provider                       Y  .  .  .  .  .  .  .  .  -           provider+     10 nobody
DELETE /identity/identityProviders/:provider                       Y  .  .  .  .  .  .  .  .  -           provider+     10 nobody
POST   /identity/identityProviders/:provider/addKey                Y  .  .  .  .  .  .  .  .  -           provider+     10 nobody
POST   /identity/identityProviders/:provider/useKey                Y  .  .  .  .  .  .  .  .  -           provider+     10 nobody
POST   /identity/identityProviders/:provider/removeKey             Y  .  .  .  .  .  .  .  .  -           provider+     10 nobody
GET    /domains                                                    Y  Y  Y  .  Y  .  .  Y  .  -           domain       480 nobody
POST   /domains                                                    Y  .  .  .  .  .  .  .  .  -           domain+       10 nobody
GET    /domains/:domain                                            Y  Y  Y  .  Y  .  .  Y  .  -           domain       480 nobody
PATCH  /domains/:domain                                            Y  .  .  .  .  .  .  .  .  -           domain+       10 nobody
DELETE /domains/:domain                                            Y  .  .  .  .  .  .  .  .  -           domain+       10 nobody
GET    /users/:user/identities                                     Y  Y  Y  .  .  .  .  Y  .  method      method       480 seen
POST   /users/:user/identities                                     Y  Y  Y  .  .  .  .  .  .  method+     method+       10 linked
PATCH  /users/:user/identities/:identity                           Y  .  .  .  .  .  .  .  .  -           method+       10 allowed
DELETE /users/:user/identities/:identity                           Y  Y  Y  .  .  .  .  .  .  method+     method+       10 given

GET    /applications                                               Y  .  .  .  .  .  Y  Y  .  client      client       480 nobody
POST   /applications                                               Y  .  .  .  .  .  Y  .  .  client+     client+       10 nobody
GET    /applications/:application                                  Y  .  .  .  .  .  Y  Y  .  client      client       480 nobody
PATCH  /applications/:application                                  Y  .  .  .  .  .  Y  .  .  client+     client+       10 nobody
DELETE /applications/:application                                  Y  .  .  .  .  .  Y  .  .  client+     client+       10 nobody
POST   /applications/:application/addPassword                      Y  .  .  .  .  .  Y  .  .  client+     client+       10 nobody
POST   /applications/:application/removePassword                   Y  .  .  .  .  .  Y  .  .  client+     client+       10 nobody
GET    /applications/:application/owners                           Y  .  .  .  .  .  Y  Y  .  user&client user&client  480 nobody
POST   /applications/:application/owners/$ref                      Y  .  .  .  .  .  .  .  .  -           client+       10 nobody
DELETE /applications/:application/owners/:owner/$ref               Y  .  .  .  .  .  .  .  .  -           client+       10 nobody

POST   /users/:user/revokeSignInSessions                           Y  Y  Y  .  .  Y  .  .  .  revoke      revoke       480 ended
POST   /me/revokeSignInSessions                                    Y  Y  Y  Y  Y  Y  Y  Y  Y  -           merevoke       - leaving

GET    /policies/passApprovals                                     Y  Y  Y  .  .  .  .  Y  .  pass        pass         480 nobody
POST   /policies/passApprovals/:approval/approve                   Y  Y  Y  Y  .  .  .  .  .  -           pass+         10 given
POST   /policies/passApprovals/:approval/reject                    Y  Y  Y  Y  .  .  .  .  .  -           pass+         10 given

GET    /auditLogs/directoryAudits                                  Y  .  .  .  .  .  .  Y  .  audit       audit        480 nobody
GET    /auditLogs/directoryAudits/:event                           Y  .  .  .  .  .  .  Y  .  audit       audit        480 nobody
GET    /auditLogs/signIns                                          Y  .  .  .  .  .  .  Y  .  audit       audit        480 nobody
GET    /auditLogs/signIns/:event                                   Y  .  .  .  .  .  .  Y  .  audit       audit        480 nobody

GET    /reports/authenticationMethods/userRegistrationDetails      Y  .  .  .  .  .  .  Y  .  report      report       480 nobody
GET    /reports/authenticationMethods/userRegistrationDetails/:user
                                                                   Y  .  .  .  .  .  .  Y  .  report      report       480 anyone
GET    /reports/authenticationMethods/usersRegisteredByMethod      Y  .  .  .  .  .  .  Y  .  report      report       480 nobody
GET    /reports/authenticationMethods/usersRegisteredByMethod:parameters
                                                                   Y  .  .  .  .  .  .  Y  .  report      report       480 nobody
GET    /reports/authenticationMethods/usersRegisteredByFeature     Y  .  .  .  .  .  .  Y  .  report      report       480 nobody
GET    /reports/authenticationMethods/usersRegisteredByFeature:parameters
                                                                   Y  .  .  .  .  .  .  Y  .  report      report       480 nobody

POST   /$batch                                                     Y  Y  Y  Y  Y  Y  Y  Y  Y  any         any            - nobody

GET    /me                                                         Y  Y  Y  Y  Y  Y  Y  Y  Y  -           me             - own
GET    /me/authentication/methods                                  Y  Y  Y  Y  Y  Y  Y  Y  Y  -           mymethod       - own
GET    /me/authentication/methods/:method                          Y  Y  Y  Y  Y  Y  Y  Y  Y  -           mymethod       - own
GET    /me/authentication/temporaryAccessPassMethods               Y  Y  Y  Y  Y  Y  Y  Y  Y  -           mypass         - own
GET    /me/authentication/temporaryAccessPassMethods/:pass         Y  Y  Y  Y  Y  Y  Y  Y  Y  -           mypass         - own
POST   /me/authentication/temporaryAccessPassMethods               Y  Y  Y  Y  .  .  .  .  .  -           me&pass+      10 oneself
DELETE /me/authentication/temporaryAccessPassMethods/:pass         Y  Y  Y  Y  Y  Y  Y  Y  Y  -           mypass+       10 own
`;

/** Each opens what its set is named for, alone. */
const sets: Readonly<Record<string, string>> = {
  user: 'User.Read.All User.ReadWrite.All Directory.Read.All',
  'user+': 'User.ReadWrite.All',
  group: 'Group.Read.All Group.ReadWrite.All Directory.Read.All',
  'group+': 'Group.ReadWrite.All',
  pass: 'UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All UserAuthMethod-TAP.Read.All UserAuthMethod-TAP.ReadWrite.All',
  'pass+': 'UserAuthenticationMethod.ReadWrite.All UserAuthMethod-TAP.ReadWrite.All',
  method: 'UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All',
  'method+': 'UserAuthenticationMethod.ReadWrite.All',
  passkey: `UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All
    UserAuthMethod-Passkey.Read.All UserAuthMethod-Passkey.ReadWrite.All`,
  'passkey+': 'UserAuthenticationMethod.ReadWrite.All UserAuthMethod-Passkey.ReadWrite.All',
  policy: 'Policy.Read.All Policy.ReadWrite.AuthenticationMethod',
  'policy+': 'Policy.ReadWrite.AuthenticationMethod',
  audit: 'AuditLog.Read.All',
  report: 'AuditLog.Read.All Reports.Read.All',
  revoke: 'User.RevokeSessions.All User.ReadWrite.All',
  // Of a person's token alone.
  provider: 'IdentityProvider.Read.All IdentityProvider.ReadWrite.All',
  'provider+': 'IdentityProvider.ReadWrite.All',
  domain: 'Domain.Read.All Domain.ReadWrite.All',
  'domain+': 'Domain.ReadWrite.All',
  role: 'RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory Directory.Read.All',
  'role+': 'RoleManagement.ReadWrite.Directory',
  me: 'User.Read User.Read.All User.ReadWrite.All Directory.Read.All',
  merevoke: 'User.ReadWrite User.RevokeSessions.All User.ReadWrite.All',
  mymethod: `UserAuthenticationMethod.Read UserAuthenticationMethod.ReadWrite
    UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All`,
  mypass: `UserAuthenticationMethod.Read UserAuthenticationMethod.ReadWrite UserAuthMethod-TAP.Read UserAuthMethod-TAP.ReadWrite
    UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All UserAuthMethod-TAP.Read.All UserAuthMethod-TAP.ReadWrite.All`,
  'mypass+': `UserAuthenticationMethod.ReadWrite UserAuthMethod-TAP.ReadWrite
    UserAuthenticationMethod.ReadWrite.All UserAuthMethod-TAP.ReadWrite.All`,
  client: 'Application.Read.All Application.ReadWrite.All',
  'client+': 'Application.ReadWrite.All',
};

/**
 * Whom those that a route is open to reach with it.
 *   self     the person who asks                     rank 1, 2, 3   a Global Reader, a PA, a GA
 *   member   has no role, is in the Pass Issuer's group, as all others are
 *   outside  has no role, is in no group of a role   owner          has no role, owns every client that asks
 *   named    as member, in a group that a role, or a policy, names
 * Blank: there is no such request. Nobody signs themself out here (ended, leaving): the rest could not be asked then.
 */
const reaches = `
            self member outside owner rank1 rank2 rank3 named-by-role named-by-policy
anyone any   Y     Y       Y      Y     Y     Y     Y
anyone app         Y       Y      Y     Y     Y     Y

seen   any   Y     Y       Y      Y     Y     Y     Y
seen   PI    .     Y       .      Y     .     .     .
seen   app         Y       Y      Y     .     .     .

given  GA    .     Y       Y      .     Y     Y     Y
given  PA    .     Y       Y      .     Y     .     .
given  AA    .     Y       Y      .     .     .     .
given  PI    .     Y       .      .     .     .     .
given  app         Y       Y      .     .     .     .

linked GA    .     Y       Y      .     Y     Y     Y
linked PA    .     Y       Y      .     .     .     .
linked AA    .     Y       Y      .     .     .     .
linked app         Y       Y      .     .     .     .

allowed GA   .     Y       Y      .     Y     Y     Y

lower  GA    .     Y       Y      Y     Y     Y     Y
lower  UA    .     Y       Y      Y     .     .     .
lower  app         Y       Y      Y     .     .     .

ended  GA          Y       Y      Y     Y     Y     Y
ended  PA          Y       Y      Y     Y     .     .
ended  AA          Y       Y      Y     .     .     .
ended  UA          Y       Y      Y     .     .     .
ended  app         Y       Y      Y     .     .     .

member GA    .     Y       Y      Y     Y     Y     Y         Y             Y
member UA    .     Y       Y      Y     .     .     .         .             .
member app         Y       Y      Y     .     .     .         .             .

inside GA    Y     Y       Y      Y     Y     Y     Y         Y             Y
inside UA    .     Y       Y      Y     .     .     .         .             .
inside app         Y       Y      Y     .     .     .         .             .

group  GA          Y                                          Y             Y
group  UA          Y                                          .             .
group  app         Y                                          .             .

holder   GA  Y                          Y     Y     Y
holder   GR  Y                          Y     Y     Y
stripped GA  .                          Y     Y     Y

own      any Y
oneself  any .
`;

export const roleNames = {
  GA: 'Global Administrator',
  PA: 'Privileged Authentication Administrator',
  AA: 'Authentication Administrator',
  PI: 'Pass Issuer',
  EP: 'Authentication Policy Administrator',
  UA: 'User Administrator',
  CA: 'Application Administrator',
  GR: 'Global Reader',
} as const;

/** `--` for none. */
export type RoleSign = keyof typeof roleNames | '--';

/** What the application's other doors take: no role opens them, so their list is all there is to say. */
export const otherRoutes: Readonly<Record<string, string>> = {
  'GET /healthz': 'anybody',
  'GET /readyz': 'anybody',
  'GET /pass': 'anybody: the same page for all',
  'POST /pass': 'anybody, from our own page: it begins a sign-in in this browser',
  'GET /continue': 'anybody: the same page for all',
  'POST /continue/about': 'anybody with the link, from our own page; it changes nothing',
  'POST /continue': 'the first browser with the link, from our own page',
  'GET /continue/:uid': 'the browser that followed the link of that sign-in',
  'POST /continue/:uid/choose': 'the browser that followed the link of that sign-in',
  'POST /continue/:uid/stop': 'the browser that followed the link of that sign-in',
  'POST /continue/:uid/enrol/:method': 'the browser that followed the link of that sign-in',
  'POST /continue/:uid/verify/passkey': 'the browser that followed the link of that sign-in',
  'POST /continue/:uid/challenge/passkey': 'the browser that followed the link of that sign-in',
  'POST /continue/:uid/enrol/:method/options': 'the browser that followed the link of that sign-in',
  'GET /federation/:provider/callback': 'the browser that was sent to that provider, once',
  'GET /openapi.json': 'anybody: the same for all, and nothing of anybody',
  'GET /docs/api': 'anybody: the same page for all',
  'GET /acr/bootstrap': 'anybody',
  'GET /acr/1f': 'anybody',
  'GET /acr/2f': 'anybody',
  'GET /amr/pass': 'anybody',
  'GET /amr/federated': 'anybody',
  'GET /not-me': 'anybody with the link of a mail; it changes nothing',
  'POST /not-me': 'anybody with the link of a mail, from our own page',
  'POST /passkey-fault': 'anybody, from our own page: a line in the log',
  'GET /federation/:provider/jwks.json': 'anybody: public keys',
  'POST /federation/:provider/backchannel-logout': 'the provider, by its signature',
  'GET /federation/:provider/signed-out': 'anybody; it goes on where a browser that signed out there was going',
  'GET /sign-in/:uid': 'the browser of that sign-in',
  'GET /sign-in/:uid/lost': 'the browser of that sign-in',
  'POST /sign-in/:uid/lost': 'the browser of that sign-in',
  'POST /sign-in/:uid/not-me': 'the browser of that sign-in',
  'POST /sign-in/:uid/go-on': 'the browser of that sign-in',
  'POST /sign-in/:uid/identify': 'the browser of that sign-in',
  'POST /sign-in/:uid/choose': 'the browser of that sign-in',
  'POST /sign-in/:uid/back': 'the browser of that sign-in',
  'POST /sign-in/:uid/restart': 'the browser of that sign-in',
  'GET /sign-in/:uid/carrying': 'the browser of that sign-in',
  'POST /sign-in/:uid/elsewhere': 'the browser of that sign-in',
  'POST /sign-in/:uid/take-back': 'the browser of that sign-in',
  'POST /sign-in/:uid/not-now': 'the browser of that sign-in',
  'POST /sign-in/:uid/confirm-methods': 'the browser of that sign-in',
  'POST /sign-in/:uid/change-methods': 'the browser of that sign-in',
  'POST /sign-in/:uid/not-mine': 'the browser of that sign-in',
  'POST /sign-in/:uid/cancel': 'the browser of that sign-in',
  'POST /sign-in/:uid/verify/upstream': 'the browser of that sign-in',
  'POST /sign-in/:uid/verify/:method': 'the browser of that sign-in',
  'POST /sign-in/:uid/enrol/:method': 'the browser of that sign-in',
  'POST /sign-in/:uid/challenge/:method': 'the browser of that sign-in',
  'POST /sign-in/:uid/enrol/:method/options': 'the browser of that sign-in',
  'GET /security-info': 'whoever is signed in, their own; a proof of the last ten minutes',
  'GET /security-info/prove': 'whoever is signed in; it leads to a fresh proof',
  'POST /security-info/passkeys/options': 'whoever is signed in, their own; a proof of the last ten minutes',
  'POST /security-info/passkeys': 'whoever is signed in, their own; a proof of the last ten minutes',
  'POST /security-info/methods/:id/name': 'whoever is signed in, their own; a proof of the last ten minutes',
  'GET /security-info/authenticator-app': 'whoever is signed in, their own; a proof of the last ten minutes',
  'POST /security-info/authenticator-app': 'whoever is signed in, their own; a proof of the last ten minutes',
  'GET /security-info/password': 'whoever is signed in, their own; a proof of the last ten minutes',
  'POST /security-info/password': 'whoever is signed in, their own; a proof of the last ten minutes',
  'GET /security-info/recovery-codes': 'whoever is signed in, their own; a proof of the last ten minutes',
  'POST /security-info/recovery-codes': 'whoever is signed in, their own; a proof of the last ten minutes',
  'GET /security-info/methods/:id/remove': 'whoever is signed in, their own; a proof of the last ten minutes',
  'POST /security-info/methods/:id/use-again': 'whoever is signed in, their own; a proof of the last ten minutes',
  'POST /security-info/methods/:id/remove': 'whoever is signed in, their own; a proof of the last ten minutes',
  'POST /security-info/sessions/end': 'whoever is signed in, their own; a proof of the last ten minutes',
  'POST /security-info/links': 'whoever is signed in here, their own; a proof of the last ten minutes',
  'GET /security-info/links/:id/remove': 'whoever is signed in, their own; a proof of the last ten minutes',
  'POST /security-info/links/:id/remove': 'whoever is signed in, their own; a proof of the last ten minutes',
  'GET /security-info/activity': 'whoever is signed in, their own; a proof of the last ten minutes',
  'GET /security-info/activity/:id': 'whoever is signed in, their own; a proof of the last ten minutes',
  'POST /security-info/activity/:id/not-me': 'whoever is signed in, their own; a proof of the last ten minutes',
  'GET /security-info/sign-out-everywhere': 'whoever is signed in, their own; a proof of the last ten minutes',
  'POST /security-info/sign-out-everywhere': 'whoever is signed in, their own; a proof of the last ten minutes',
};

export interface Row {
  /** `POST /users` */
  readonly route: string;
  readonly method: string;
  readonly path: string;
  readonly roles: Readonly<Record<RoleSign, boolean>>;
  readonly application: string;
  readonly delegated: string;
  readonly proofMinutes: number;
  readonly whom: string;
}

const signs = [...Object.keys(roleNames), '--'] as RoleSign[];

/** A line without a verb goes on with the one before. */
export const table: readonly Row[] = rows
  .trim()
  .replaceAll(/\n {60,}/g, ' ')
  .split('\n')
  .slice(1)
  .filter((line) => line !== '')
  .map((line) => {
    const cells = line.trim().split(/\s+/);
    const [method, path] = cells as [string, string];
    const marks = cells.slice(2, 2 + signs.length);
    const [application, delegated, proof, whom, ...rest] = cells.slice(2 + signs.length);
    if (!whom || rest.length > 0 || marks.some((mark) => mark !== 'Y' && mark !== '.')) {
      throw new Error(`This row of the matrix cannot be read: ${line}`);
    }
    return {
      route: `${method} ${path}`,
      method,
      path,
      roles: Object.fromEntries(signs.map((sign, index) => [sign, marks[index] === 'Y'])) as Row['roles'],
      application: application!,
      delegated: delegated!,
      proofMinutes: proof === '-' ? Number.POSITIVE_INFINITY : Number(proof),
      whom,
    };
  });

export type Whom =
  | 'nobody'
  | 'self'
  | 'member'
  | 'outside'
  | 'owner'
  | 'rank1'
  | 'rank2'
  | 'rank3'
  | 'named-by-role'
  | 'named-by-policy'
  | 'unknown';

const [heading, ...reachLines] = reaches.split('\n').slice(1) as [string, ...string[]];
const people = [...heading.matchAll(/\S+/g)].map(({ 0: whom, index }) => ({ whom: whom as Whom, from: index }));

// By where a mark stands: below the first, or a later, letter of its column.
const reachOf: ReadonlyMap<string, ReadonlyMap<Whom, boolean>> = new Map(
  reachLines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [part, who] = line.trim().split(/\s+/);
      const marks = people.flatMap(({ whom, from }) => {
        const mark = line.slice(from, from + whom.length).trim();
        return mark === '' ? [] : [[whom, mark === 'Y'] as const];
      });
      return [`${part} ${who}`, new Map(marks)];
    }),
);

/** Everybody the table speaks of for this kind of request, asked by a person or an application. */
export function whomAsked({ whom }: Row, by: 'person' | 'application'): Whom[] {
  if (whom === 'nobody') return ['nobody'];
  const lines = [...reachOf].filter(([key]) => key.startsWith(`${whom} `));
  const asked = new Set(lines.flatMap(([, marks]) => [...marks.keys()]));
  if (by === 'application') asked.delete('self');
  if (by === 'application' && asked.size === 0) return ['nobody'];
  const absent: Whom[] =
    whom === 'own' || whom === 'oneself' || whom === 'group' || whom === 'leaving' ? [] : ['unknown'];
  return [...asked, ...absent];
}

export type Actor =
  | { readonly kind: 'stranger' }
  | {
      readonly kind: 'person';
      readonly role: RoleSign;
      /** Of the token. */
      readonly scopes: readonly string[];
      /** Minutes since the last proof. */
      readonly age: number;
      /** That proof was no passkey. */
      readonly weak?: true;
    }
  | { readonly kind: 'application'; readonly permissions: readonly string[] };

/** done: 2xx. refused: 403. again: 401 that asks for a passkey. stranger: 401. unknown: 404. */
export type Outcome = 'done' | 'refused' | 'again' | 'stranger' | 'unknown';

export function expected(row: Row, actor: Actor, whom: Whom): Outcome {
  if (actor.kind === 'stranger') return 'stranger';
  const [opening, held, who] =
    actor.kind === 'application'
      ? [row.application, actor.permissions, 'app']
      : [row.delegated, actor.scopes, actor.role];
  if (!opens(opening, held)) return 'refused';
  if (actor.kind === 'person') {
    if (!row.roles[actor.role]) return 'refused';
    if (row.proofMinutes !== Number.POSITIVE_INFINITY && (actor.weak || actor.age > row.proofMinutes)) return 'again';
  }
  if (whom === 'nobody') return 'done';
  if (whom === 'unknown') return 'unknown';
  const reach = reachOf.get(`${row.whom} ${who}`) ?? reachOf.get(`${row.whom} any`);
  const reached = reach?.get(whom);
  if (reached === undefined) throw new Error(`The matrix does not say whether ${who} reaches ${whom} by ${row.route}.`);
  return reached ? 'done' : 'refused';
}

function opens(opening: string, held: readonly string[]): boolean {
  if (opening === '-') return false;
  // What is in a batch is judged by itself.
  if (opening === 'any') return true;
  return opening.split('&').every((name) => sets[name]!.split(/\s+/).some((one) => held.includes(one)));
}

const namesIn = (keys: readonly string[]) =>
  [...new Set(keys.flatMap((key) => (sets[key] ?? '').split(/\s+/)))].filter((name) => name !== '').sort();

export const applicationPermissions = namesIn([
  ...new Set(table.flatMap(({ application }) => (application === '-' ? [] : application.split('&')))),
]);
export const delegatedScopes = namesIn(Object.keys(sets));
