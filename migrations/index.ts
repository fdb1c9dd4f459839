import * as people from './20261121_1000_people.ts';
import * as clients from './20261121_1010_clients.ts';
import * as protocol from './20261121_1020_protocol.ts';
import * as auditAndThrottles from './20261121_1030_audit_and_throttles.ts';
import * as policiesAndSeeds from './20261121_1040_policies_and_seeds.ts';
import * as passes from './20261121_1050_temporary_access_passes.ts';
import * as passkeys from './20261121_1060_passkeys.ts';
import * as signIns from './20261121_1070_sign_ins.ts';
import * as passMaximumUses from './20261121_1080_pass_maximum_uses.ts';
import * as auditAppendOnly from './20261121_1130_audit_append_only.ts';
import * as passSessions from './20261122_0030_pass_sessions.ts';
import * as mail from './20261122_1000_mail.ts';
import * as roleScopes from './20261122_1000_role_scopes.ts';
import * as passApprovals from './20261122_1020_pass_approvals.ts';
import * as authenticatorApps from './20261122_1100_authenticator_apps.ts';
import * as recoveryCodes from './20261122_1110_recovery_codes.ts';
import * as passwords from './20261122_1120_passwords.ts';
import * as sessions from './20261122_1130_sessions.ts';
import * as signInsByThemselves from './20261122_1130_sign_ins_by_themselves.ts';
import * as standingWithApps from './20261122_1200_standing_with_apps.ts';
import * as registrationPolicy from './20261122_1210_registration_policy.ts';
import * as recoveryCodePasses from './20261122_1300_recovery_code_passes.ts';
import * as failuresInARow from './20261122_1400_failures_in_a_row.ts';
import * as suspensions from './20261122_1420_suspensions.ts';
import * as carriedOn from './20261122_1440_carried_on.ts';
import * as assurancePolicy from './20261122_1460_assurance_policy.ts';
import * as ownContainment from './20261122_1480_own_containment.ts';
import * as identityProviders from './20261122_1600_identity_providers.ts';
import * as upstreamSignIns from './20261122_1640_upstream_sign_ins.ts';
import * as upstreamSessions from './20261122_1660_upstream_sessions.ts';
import * as confirmedMethods from './20261122_1680_confirmed_methods.ts';
import * as bootstrapEntries from './20261122_1681_bootstrap_entries.ts';
import * as askedAssurance from './20261122_1690_asked_assurance.ts';
import * as standingWithLinks from './20261122_1692_standing_with_links.ts';
import * as clientSecrets from './20261122_1740_client_secrets.ts';
import * as idempotencyKeys from './20261122_1741_idempotency_keys.ts';
import * as directoryLists from './20261122_1742_directory_lists.ts';
import * as offlineGrantsElsewhere from './20261122_1800_offline_grants_elsewhere.ts';
import * as identityProviderKeys from './20261122_1810_identity_provider_keys.ts';
import * as openIdentities from './20261122_1811_open_identities.ts';
import * as methodConfigurations from './20261122_1830_method_configurations.ts';

/** Every step of the schema, in order; a step is never edited after a release. */
export const migrations = {
  '20261121_1000_people': people,
  '20261121_1010_clients': clients,
  '20261121_1020_protocol': protocol,
  '20261121_1030_audit_and_throttles': auditAndThrottles,
  '20261121_1040_policies_and_seeds': policiesAndSeeds,
  '20261121_1050_temporary_access_passes': passes,
  '20261121_1060_passkeys': passkeys,
  '20261121_1070_sign_ins': signIns,
  '20261121_1080_pass_maximum_uses': passMaximumUses,
  '20261121_1130_audit_append_only': auditAppendOnly,
  '20261122_0030_pass_sessions': passSessions,
  '20261122_1000_mail': mail,
  '20261122_1000_role_scopes': roleScopes,
  '20261122_1020_pass_approvals': passApprovals,
  '20261122_1100_authenticator_apps': authenticatorApps,
  '20261122_1110_recovery_codes': recoveryCodes,
  '20261122_1120_passwords': passwords,
  '20261122_1130_sessions': sessions,
  '20261122_1130_sign_ins_by_themselves': signInsByThemselves,
  '20261122_1200_standing_with_apps': standingWithApps,
  '20261122_1210_registration_policy': registrationPolicy,
  '20261122_1300_recovery_code_passes': recoveryCodePasses,
  '20261122_1400_failures_in_a_row': failuresInARow,
  '20261122_1420_suspensions': suspensions,
  '20261122_1440_carried_on': carriedOn,
  '20261122_1460_assurance_policy': assurancePolicy,
  '20261122_1480_own_containment': ownContainment,
  '20261122_1600_identity_providers': identityProviders,
  '20261122_1640_upstream_sign_ins': upstreamSignIns,
  '20261122_1660_upstream_sessions': upstreamSessions,
  '20261122_1680_confirmed_methods': confirmedMethods,
  '20261122_1681_bootstrap_entries': bootstrapEntries,
  '20261122_1690_asked_assurance': askedAssurance,
  '20261122_1692_standing_with_links': standingWithLinks,
  '20261122_1740_client_secrets': clientSecrets,
  '20261122_1741_idempotency_keys': idempotencyKeys,
  '20261122_1742_directory_lists': directoryLists,
  '20261122_1800_offline_grants_elsewhere': offlineGrantsElsewhere,
  '20261122_1810_identity_provider_keys': identityProviderKeys,
  '20261122_1811_open_identities': openIdentities,
  '20261122_1830_method_configurations': methodConfigurations,
};
