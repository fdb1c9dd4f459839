import { href } from './href.ts';
import { type Layout, Page } from './layout.tsx';
import { messages, type ProblemWords } from './messages.ts';
import { Reference } from './parts/error-summary.tsx';
import { PostForm } from './parts/post-form.tsx';
import { Say, saying } from './parts/say.tsx';

export interface ProblemProps {
  readonly layout: Layout;
  /** From `messages.problems`, or with a sentence of an `AppError` in place. */
  readonly problem: ProblemWords;
  /** For the places in the words, such as `{wait}`. */
  readonly values?: Readonly<Record<string, string>>;
  /** The way on: a link, or a form that posts only its token. */
  readonly way?:
    | {
        readonly kind: 'link';
        readonly url: string;
        readonly text: string;
        readonly values?: Readonly<Record<string, string>>;
      }
    | { readonly kind: 'post'; readonly action: string; readonly csrf: string; readonly text: string };
  /** OAuth's `error` and `error_description`, for the people who run the app. */
  readonly details?: { readonly error: string; readonly description?: string | undefined };
  readonly reference?: string;
}

/** Anything that ends or stops: what is the case, what to do, and by which id to find it again. */
export function Problem({ layout, problem, values = {}, way, details, reference }: ProblemProps) {
  return (
    <Page layout={layout} step="error" title={saying(problem.title, values)}>
      <h1>
        <Say text={problem.title} values={values} />
      </h1>
      {problem.sentences.map((sentence) => (
        <p key={sentence}>
          <Say text={sentence} values={values} />
        </p>
      ))}
      {problem.whatToDo.length > 0 && (
        <>
          <h2>{messages.problem.whatToDo}</h2>
          {problem.whatToDo.map((sentence) => (
            <p key={sentence}>
              <Say text={sentence} values={values} />
            </p>
          ))}
        </>
      )}
      {way?.kind === 'link' && (
        <a id="continue" class="button primary" href={href(way.url)}>
          <span>
            <Say text={way.text} values={way.values ?? {}} />
          </span>
        </a>
      )}
      {way?.kind === 'post' && (
        <PostForm action={way.action} csrf={way.csrf}>
          <button type="submit" id="continue" class="primary">
            {way.text}
          </button>
        </PostForm>
      )}
      {details && (
        <div class="details">
          <h2>{messages.problem.details}</h2>
          <p dir="ltr">
            <code>{details.error}</code>
          </p>
          {details.description && <p dir="ltr">{details.description}</p>}
        </div>
      )}
      {reference && <Reference reference={reference} />}
    </Page>
  );
}
