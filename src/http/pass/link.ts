/**
 * The address that carries a pass to its user: `GET /pass` reads it in the browser. User and code stand in the fragment,
 * which is sent to no server and in no Referer.
 */
export function handoverUrl(issuer: string, userPrincipalName: string, code: string): string {
  return `${issuer}/pass#${new URLSearchParams({ user: userPrincipalName, code }).toString()}`;
}
