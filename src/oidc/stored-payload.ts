import { type AdapterPayload, errors } from 'oidc-provider';
import { digest, type Secrets } from '../core/secrets.ts';

/** A payload as a row has it: no id or code that a reader of the database could use. */
export interface StoredPayload extends AdapterPayload {
  /** base64; the secret fields, under the master key. */
  readonly sealed?: string;
}

/**
 * Fields that open a door for who knows them. A device code's own id is among them: the library finds it by user code,
 * without the id, and saves it again.
 */
const secretFields: Readonly<Record<string, readonly (keyof AdapterPayload)[]>> = {
  DeviceCode: ['jti', 'userCode'],
  Interaction: ['deviceCode', 'parJti'],
};

/** Stands for the id in an interaction's resume address; braces never occur in the path of a URL. */
const idPlaceholder = '{id}';

/** The JSON of a payload without its id and with its secret fields sealed for this row. */
export function closePayload(secrets: Secrets, model: string, id: string, payload: AdapterPayload): string {
  const { jti: _, ...stored }: AdapterPayload & { sealed?: string } = payload;
  if (stored.session?.cookie !== undefined) {
    const { cookie: __, ...session } = stored.session; // the session's id; nothing reads it here
    stored.session = session;
  }
  if (model === 'Interaction' && stored.returnTo) stored.returnTo = stored.returnTo.replaceAll(id, idPlaceholder);

  const fields = (secretFields[model] ?? []).filter((field) => payload[field] !== undefined);
  if (fields.length > 0) {
    const secret = Object.fromEntries(fields.map((field) => [field, payload[field]]));
    const sealed = secrets.seal(sealContext(model, digest(id)), Buffer.from(JSON.stringify(secret)));
    for (const field of fields) delete stored[field];
    stored.sealed = sealed.toString('base64');
  }
  return storableJson(stored);
}

/** The payload as the library gave it. `id` may be absent where the sealed part has it. */
export function openPayload(
  secrets: Secrets,
  model: string,
  idHash: Buffer,
  stored: StoredPayload,
  id?: string,
): AdapterPayload {
  const { sealed, ...payload } = stored;
  if (sealed !== undefined) {
    const secret = secrets.open(sealContext(model, idHash), Buffer.from(sealed, 'base64'));
    Object.assign(payload, JSON.parse(secret.toString('utf8')));
  }
  if (id === undefined) return payload;
  if (model === 'Interaction' && payload.returnTo) payload.returnTo = payload.returnTo.replaceAll(idPlaceholder, id);
  return { ...payload, jti: id };
}

/** jsonb takes neither NUL nor half a surrogate pair. Whoever sends them gets a protocol error, not a fault. */
export function storableJson(payload: object): string {
  const json = JSON.stringify(payload);
  // An even number of backslashes before it is a backslash in the text, not an escape.
  if (json.includes('\\u') && /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/.test(json)) {
    throw new errors.InvalidRequest('a parameter has a character that is not allowed');
  }
  return json;
}

function sealContext(model: string, idHash: Buffer): string {
  return `oidc_artifacts/${model}/${idHash.toString('hex')}`;
}
