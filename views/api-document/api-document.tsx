import type { ComponentChildren } from 'preact';
import { href } from '../href.ts';
import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { Say } from '../parts/say.tsx';

export interface ApiProperty {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
}

export interface ApiHeader {
  readonly name: string;
  readonly words: string;
}

export interface ApiOperation {
  /** Unique on the page. */
  readonly id: string;
  readonly method: string;
  /** Every second part is put in by the caller. */
  readonly path: readonly string[];
  readonly summary: string;
  /** One of each is needed; empty: no application does it for itself. */
  readonly application: readonly string[];
  readonly delegated: readonly string[];
  readonly roles: readonly string[];
  /** Since a passkey was used; null: no matter. */
  readonly minutes: number | null;
  readonly options: readonly string[];
  /** Of the request. */
  readonly headers: readonly string[];
  readonly sent: readonly ApiProperty[];
  readonly status: string;
  readonly answerHeaders: readonly string[];
  /** The answer is plain text. */
  readonly text: boolean;
  readonly given: readonly ApiProperty[];
  /** `given` is of each item. */
  readonly list: boolean;
}

export interface ApiPart {
  readonly name: string;
  readonly operations: readonly ApiOperation[];
}

export interface ApiDocumentProps {
  readonly layout: Layout;
  /** Of all requests, and of all answers; which are where, the operations say. */
  readonly headers: { readonly sent: readonly ApiHeader[]; readonly given: readonly ApiHeader[] };
  readonly parts: readonly ApiPart[];
}

/** The management API to be read: what can be asked, by whom, and what comes back. */
export function ApiDocument({ layout, headers, parts }: ApiDocumentProps) {
  const words = messages.apiDocument;
  return (
    <Page layout={layout} step="api-document" title={words.title} wide>
      <h1>{words.title}</h1>
      {words.sentences.map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
      <p>
        <a href={href('/openapi.json')}>{words.file}</a>
      </p>
      <nav aria-label={words.contents}>
        <ul>
          <li>
            <a href={href('#headers')}>{words.headersTitle}</a>
          </li>
          {parts.map(({ name }, index) => (
            <li key={name}>
              <a href={href(`#part-${index + 1}`)}>{name}</a>
            </li>
          ))}
        </ul>
      </nav>
      <section aria-labelledby="headers">
        <h2 id="headers">{words.headersTitle}</h2>
        <Headers heading={words.headersSent} headers={headers.sent} />
        <Headers heading={words.headersGiven} headers={headers.given} />
      </section>
      {parts.map(({ name, operations }, index) => (
        <section key={name} aria-labelledby={`part-${index + 1}`}>
          <h2 id={`part-${index + 1}`}>{name}</h2>
          {operations.map((operation) => (
            <Described key={operation.id} operation={operation} />
          ))}
        </section>
      ))}
    </Page>
  );
}

function Described({ operation }: { readonly operation: ApiOperation }) {
  const words = messages.apiDocument;
  const { method, path, summary, application, delegated, roles, minutes, options, sent, given } = operation;
  const { headers, answerHeaders } = operation;
  return (
    <details class="operation">
      <summary>
        <span>{summary}</span>
        <code>
          {method} {path.map((part, index) => (index % 2 === 0 ? part : <var key={index}>{part}</var>))}
        </code>
      </summary>
      <dl>
        {application.length === 0 && <Said name={words.application}>{words.none}</Said>}
        {application.map((names) => (
          <Said key={names} name={words.application}>
            {names}
          </Said>
        ))}
        {delegated.map((names) => (
          <Said key={names} name={words.delegated}>
            {names}
          </Said>
        ))}
        <Said name={words.roles}>{roles.length === 0 ? words.noRole : roles.join(', ')}</Said>
        {minutes !== null && (
          <Said name={words.proof}>
            <Say text={words.minutes} values={{ minutes: String(minutes) }} />
          </Said>
        )}
        {options.length > 0 && <Said name={words.options}>{options.join(', ')}</Said>}
        <Said name={words.headers}>{headers.join(', ')}</Said>
        <Said name={words.answerHeaders}>{answerHeaders.join(', ')}</Said>
      </dl>
      {sent.length > 0 && <Properties heading={words.sent} properties={sent} />}
      <p>
        <Say text={answerWords(operation)} values={{ status: operation.status }} />
      </p>
      {given.length > 0 && <Properties heading={operation.list ? words.items : words.given} properties={given} />}
    </details>
  );
}

function Headers({ heading, headers }: { readonly heading: string; readonly headers: readonly ApiHeader[] }) {
  return (
    <>
      <h3>{heading}</h3>
      <ul class="properties">
        {headers.map(({ name, words }) => (
          <li key={name}>
            <code>{name}</code> {words}
          </li>
        ))}
      </ul>
    </>
  );
}

function Said({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function answerWords({ text, given }: ApiOperation): string {
  const words = messages.apiDocument;
  if (text) return words.answersText;
  return given.length > 0 ? words.answers : words.answersNothing;
}

function Properties({
  heading,
  properties,
}: {
  readonly heading: string;
  readonly properties: readonly ApiProperty[];
}) {
  const words = messages.apiDocument;
  return (
    <>
      <h3>{heading}</h3>
      <ul class="properties">
        {properties.map(({ name, type, required }) => (
          <li key={name}>
            <code>{name}</code> {type}
            {required && <small> {words.required}</small>}
          </li>
        ))}
      </ul>
    </>
  );
}
