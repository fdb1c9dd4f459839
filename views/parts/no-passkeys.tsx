import type { ComponentChildren } from 'preact';

/** What to do where passkeys cannot work: without script, and (shown by the script) in a browser that has none. */
export function NoPasskeys({
  noScript,
  children,
}: {
  readonly noScript: string;
  readonly children: ComponentChildren;
}) {
  return (
    <>
      <noscript>
        <p class="notice">{noScript}</p>
      </noscript>
      <div class="notice" data-no-passkeys hidden>
        {children}
      </div>
    </>
  );
}
