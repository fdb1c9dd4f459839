import { type ErrorId, messages } from '../messages.ts';

interface ErrorSummaryProps {
  readonly error: ErrorId | undefined;
  /** Id of the field it is about; absent when there is none to correct. */
  readonly field?: string;
  readonly reference?: string | undefined;
}

/**
 * The mistake, at the top of `main` and focused on load (GOV.UK's pattern): `autofocus` does it without script.
 * The alert is an inner element, or a screen reader would read it twice.
 */
export function ErrorSummary({ error, field, reference }: ErrorSummaryProps) {
  if (!error) return null;
  const words = messages.errors[error];
  return (
    <div id="error-summary" class="error-summary" tabIndex={-1} autofocus>
      <div role="alert">
        <h2>{messages.problemSummary}</h2>
        <p>{field ? <a href={`#${field}`}>{words}</a> : words}</p>
        {withReference.includes(error) && reference && <Reference reference={reference} />}
      </div>
    </div>
  );
}

const withReference: readonly ErrorId[] = ['passkeySuspended', 'upstreamRefused'];

/** By which help desks and operators find this very request. */
export function Reference({ reference }: { readonly reference: string }) {
  const [before, after] = messages.reference.split('{reference}');
  return (
    <p class="reference">
      {before}
      <code dir="ltr">{reference}</code>
      {after}
    </p>
  );
}
