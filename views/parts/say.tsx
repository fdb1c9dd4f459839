import { Fragment } from 'preact';

interface SayProps {
  readonly text: string;
  /** By the name of its place. A value may be of any script and direction, so each stands in a `<bdi>`. */
  readonly values?: Readonly<Record<string, string>>;
}

/** A sentence of the catalogue with its values put in. */
export function Say({ text, values = {} }: SayProps) {
  return (
    <>
      {text.split(/\{(\w+)\}/).map((part, index) => (
        <Fragment key={index}>{index % 2 === 0 ? part : <bdi>{values[part] ?? ''}</bdi>}</Fragment>
      ))}
    </>
  );
}

/** The same as plain text, for titles and attributes. */
export function saying(text: string, values: Readonly<Record<string, string>> = {}): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '');
}
