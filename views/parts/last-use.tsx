import { messages } from '../messages.ts';
import type { Moment } from '../security-info/dates.tsx';

interface LastUseProps {
  readonly of: { readonly lastUsed?: Moment | undefined; readonly lastUsedWith?: string | undefined };
}

/** Behind what kind of method it is, in the same line. */
export function LastUse({ of: { lastUsed, lastUsedWith } }: LastUseProps) {
  const say = messages.securityInfo;
  if (!lastUsed) return <>. {say.neverUsed}</>;
  return (
    <>
      . {say.lastUsed}{' '}
      <time dateTime={lastUsed.at} data-local="date-time">
        {lastUsed.text}
      </time>
      {lastUsedWith && (
        <>
          , <bdi>{lastUsedWith}</bdi>
        </>
      )}
    </>
  );
}
