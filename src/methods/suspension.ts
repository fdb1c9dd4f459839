/** What the audit log says of why a credential was suspended; the reason itself stands in the details. */
export const suspensionWords = {
  lost: 'Its owner said in the window of a pass that it was lost',
  administrator: 'Admin suspended it',
  'not-me': 'Added since the moment that somebody said was not theirs',
} as const;

export function suspensionOf({
  suspendedAt,
  suspendReason,
}: {
  readonly suspendedAt: Date | null;
  readonly suspendReason: string | null;
}): { readonly at: Date; readonly reason: string | null } | null {
  return suspendedAt && { at: suspendedAt, reason: suspendReason };
}
