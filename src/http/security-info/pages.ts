import type { SecurityInfo as OwnInfo } from '../../security-info/own-methods.ts';
import type { Layout } from '../../../views/layout.tsx';
import { renderView } from '../../../views/render.ts';
import { SecurityInfo } from '../../../views/security-info/security-info.tsx';

const notices = ['added', 'renamed'] as const;
const errors = ['notCreated', 'alreadyRegistered', 'tooManyPasskeys', 'emptyPasskeyName', 'longPasskeyName'] as const;

export type SecurityInfoNotice = (typeof notices)[number];
export type SecurityInfoError = (typeof errors)[number];

interface Around {
  readonly layout: Layout;
  readonly csrf: string;
  readonly signOutUrl: string;
  /** What the last request wants said; anything unknown is not said. */
  readonly said: { readonly notice?: unknown; readonly error?: unknown; readonly passkey?: unknown };
  readonly reference: string;
}

export function securityInfoPage(
  { user, credentials, mayChange, mayAdd }: OwnInfo,
  { layout, csrf, signOutUrl, said, reference }: Around,
): string {
  const notice = notices.find((known) => known === said.notice);
  const error = errors.find((known) => known === said.error);
  const errorPasskeyId = credentials.find(({ id }) => id === said.passkey)?.id;
  return renderView(SecurityInfo, {
    layout,
    csrf,
    displayName: user.displayName,
    userPrincipalName: user.userPrincipalName,
    signOutUrl,
    ...(!mayChange && { withPass: { mayAdd, proveUrl: '/security-info/prove' } }),
    passkeys: credentials
      .filter(({ suspended }) => !suspended)
      .map((credential) => ({
        id: credential.id,
        name: credential.name,
        deviceBound: credential.deviceBound,
        created: moment(credential.createdAt),
        lastUsed: credential.lastUsedAt ? moment(credential.lastUsedAt) : undefined,
        lastUsedWith: credential.lastUsedWith ?? undefined,
      })),
    ...(notice && { notice }),
    ...(error && { error, reference }),
    ...(errorPasskeyId && { errorPasskeyId }),
  });
}

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });

function moment(at: Date) {
  return { at: at.toISOString(), text: day.format(at) };
}
