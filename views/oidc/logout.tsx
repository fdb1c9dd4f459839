import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { Say } from '../parts/say.tsx';

export interface LogoutProps {
  readonly layout: Layout;
  /** The library's own `<form id="op.logoutForm" …>`; the buttons belong to it. Never anything a person can write. */
  readonly formHtml: string;
  /** The app that asks; absent when the person came by themselves. */
  readonly appName?: string | undefined;
}

/** Asks before signing out: another site could have sent the person here. */
export function Logout({ layout, formHtml, appName }: LogoutProps) {
  const say = messages.logout;
  const app = { app: appName ?? '' };
  return (
    <Page layout={layout} step="logout" title={say.heading}>
      <h1>{say.heading}</h1>
      {appName && (
        <p>
          <Say text={say.asked} values={app} />
        </p>
      )}
      <p>{say.lead}</p>
      <div hidden dangerouslySetInnerHTML={{ __html: formHtml }} />
      <button type="submit" id="confirm-logout" class="primary" form="op.logoutForm" name="logout" value="yes">
        {say.confirm}
      </button>
      <button type="submit" id="stay" class="secondary" form="op.logoutForm">
        {say.stay}
      </button>
      {appName && (
        <p class="quiet">
          <Say text={say.told} values={app} />
        </p>
      )}
    </Page>
  );
}
