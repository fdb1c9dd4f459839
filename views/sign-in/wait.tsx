import { Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import type { Interaction } from '../parts/interaction.ts';
import { Cancel, PostForm } from '../parts/post-form.tsx';
import { QrCode } from '../parts/qr-code.tsx';
import { Say } from '../parts/say.tsx';
import { type WindowEnd, WindowEnds } from '../parts/window-end.tsx';

export interface WaitProps extends Interaction {
  readonly carrying: 'offered' | 'claimed' | 'saved';
  /** What the QR code holds; absent once it was used. */
  readonly link?: string | undefined;
  readonly ends: WindowEnd;
}

// Often enough not to be waited for, and seldom enough to read the address off the page.
const refreshSeconds = 10;

/** The registration goes on on another device, and this page waits: by script, or by loading itself again. */
export function Wait({ layout, base, csrf, appName, carrying, link, ends }: WaitProps) {
  const say = messages.wait[carrying];
  return (
    <Page
      layout={layout}
      step="wait"
      title={say.heading}
      scripted
      script={layout.assets.waitScript}
      refreshAfterSeconds={refreshSeconds}
    >
      <h1>{say.heading}</h1>
      <div class="stack" data-carrying={carrying} data-carrying-url={`${base}/carrying`}>
        {link === undefined ? <p class="lead">{say.lead}</p> : <Scan link={link} lead={say.lead} />}
        <p>
          <Say text={say.next} values={{ app: appName }} />
        </p>
      </div>
      <PostForm action={`${base}/take-back`} csrf={csrf}>
        <button type="submit" id="take-back" class="secondary">
          {say.back}
        </button>
      </PostForm>
      <p class="quiet">{say.backMeans}</p>
      <WindowEnds ends={ends} base={base} />
      <Cancel base={base} csrf={csrf} />
    </Page>
  );
}

function Scan({ link, lead }: { readonly link: string; readonly lead: string }) {
  const say = messages.wait;
  return (
    <>
      <p class="lead">{lead}</p>
      <QrCode text={link} label={say.qrLabel} />
      <details>
        <summary>{say.byHand}</summary>
        <p>{say.byHandHow}</p>
        <p>
          <code id="continue-link" class="address" dir="ltr">
            {link}
          </code>
        </p>
      </details>
      <p class="notice">{say.keep}</p>
    </>
  );
}
