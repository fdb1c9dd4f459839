import { type ComponentChild, h, type VNode } from 'preact';
import { renderToString } from 'preact-render-to-string';

/** A whole HTML document. */
export function renderPage<Props>(page: VNode<Props>): string {
  return `<!doctype html>${renderToString(page as VNode)}`;
}

/** The document of a page component, its props checked to the letter. */
export function renderView<Props extends object>(page: (props: Props) => ComponentChild, props: Props): string {
  return renderPage(h(page as never, props as never));
}
