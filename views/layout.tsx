import type { ComponentChildren } from 'preact';
import { href } from './href.ts';
import { messages } from './messages.ts';

/** What every page is given: where its files are and which language it is in. */
export interface Layout {
  readonly assets: {
    readonly style: string;
    readonly passkeyScript: string;
    readonly passScript: string;
    readonly continueScript: string;
    readonly waitScript: string;
    readonly webauthnScript: string;
    readonly mark: string;
  };
  /** BCP 47. */
  readonly lang: string;
  readonly dir?: 'ltr' | 'rtl';
}

interface PageProps {
  readonly layout: Layout;
  /** Becomes `main[data-step]`, which scripts and tests rely on. */
  readonly step: string;
  readonly title: string;
  /** The page shows a mistake: its title says so first. */
  readonly mistaken?: boolean;
  /** The page asks for a passkey, counts down or hides a code; others need no script. */
  readonly scripted?: boolean;
  /** Address of a script of the page's own. */
  readonly script?: string;
  readonly wide?: boolean;
  /** Where to go at once, without a script. */
  readonly refreshTo?: string;
  /** Without script the page is loaded again after so many seconds; its script knows better. */
  readonly refreshAfterSeconds?: number;
  /** Stands beside the mark at the top. */
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}

/** The frame of every page: one sheet, one `main`. */
export function Page(props: PageProps) {
  const { assets, lang, dir } = props.layout;
  const title = `${props.title} – ${messages.product}`;
  return (
    <html lang={lang} dir={dir ?? 'ltr'}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        {props.refreshTo !== undefined && <meta http-equiv="refresh" content={`0;url=${href(props.refreshTo)}`} />}
        {props.refreshAfterSeconds !== undefined && (
          <noscript>
            <meta http-equiv="refresh" content={String(props.refreshAfterSeconds)} />
          </noscript>
        )}
        <title>{props.mistaken ? `${messages.errorPrefix}${title}` : title}</title>
        <link rel="stylesheet" href={href(assets.style)} />
        <link rel="icon" type="image/svg+xml" href={href(assets.mark)} />
        {props.scripted && <script src={href(assets.webauthnScript)} defer />}
        {props.scripted && <script src={href(assets.passkeyScript)} defer />}
        {props.script !== undefined && <script src={href(props.script)} defer />}
      </head>
      <body>
        <div class={props.wide ? 'sheet wide' : 'sheet'}>
          <header class="top">
            <span class="brand">
              <img src={href(assets.mark)} alt="" width="28" height="28" />
              {messages.product}
            </span>
            {props.aside}
          </header>
          <main data-step={props.step}>{props.children}</main>
        </div>
      </body>
    </html>
  );
}
