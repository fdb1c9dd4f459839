import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { Say } from '../parts/say.tsx';

export interface ClaimValueProps {
  readonly layout: Layout;
  /** The address that stands in the claim. */
  readonly value: string;
  readonly words: (typeof messages.claimValues)[keyof typeof messages.claimValues];
}

/** What a value that apps find in `acr` or `amr` means; the value is this page's address. */
export function ClaimValue({ layout, value, words }: ClaimValueProps) {
  return (
    <Page layout={layout} step="claim-value" title={words.title}>
      <h1>{words.title}</h1>
      <p>
        <Say text={messages.claimValue.standsIn} values={{ claim: words.claim }} />
      </p>
      <p>
        <code>{value}</code>
      </p>
      {words.sentences.map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
    </Page>
  );
}
