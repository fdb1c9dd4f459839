import { href } from '../href.ts';
import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { AppFields, type AppFieldsProps, appField } from '../parts/app-fields.tsx';
import { ErrorSummary } from '../parts/error-summary.tsx';
import { PostForm } from '../parts/post-form.tsx';

export interface AddAppProps extends AppFieldsProps {
  readonly layout: Layout;
  readonly csrf: string;
}

/** One more authenticator app, with a password for whoever has none. */
export function AddApp({ layout, csrf, ...fields }: AddAppProps) {
  const { error } = fields;
  const say = messages.enrolApp;
  const field = appField(error);
  return (
    <Page layout={layout} step="add-app" title={say.heading} mistaken={error !== undefined} scripted>
      <ErrorSummary error={error} {...(field !== undefined && { field })} />
      <h1>{say.heading}</h1>
      <p>{say.lead}</p>
      <PostForm action="/security-info/authenticator-app" csrf={csrf}>
        <AppFields {...fields} />
      </PostForm>
      <a id="back" class="button secondary" href={href('/security-info')}>
        {messages.securityInfo.back}
      </a>
    </Page>
  );
}
