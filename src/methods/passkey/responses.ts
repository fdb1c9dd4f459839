import { z } from 'zod';

// Shapes of what a browser answers (WebAuthn L3 §5.1, JSON forms), bounded; the library checks the contents.
const base64url = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^[A-Za-z0-9_-]+$/);

const transports = z
  .array(z.string().regex(/^[\x21-\x7e]{1,32}$/))
  .max(10)
  .optional();

export const registrationResponse = z.object({
  id: base64url(1364), // 1023 bytes
  rawId: base64url(1364),
  type: z.literal('public-key'),
  authenticatorAttachment: z.enum(['platform', 'cross-platform']).nullish(),
  clientExtensionResults: z.record(z.string(), z.unknown()).default({}),
  response: z.object({
    clientDataJSON: base64url(8_192),
    attestationObject: base64url(98_304),
    transports,
  }),
});

export const authenticationResponse = z.object({
  id: base64url(1364),
  rawId: base64url(1364),
  type: z.literal('public-key'),
  authenticatorAttachment: z.enum(['platform', 'cross-platform']).nullish(),
  clientExtensionResults: z.record(z.string(), z.unknown()).default({}),
  response: z.object({
    clientDataJSON: base64url(8_192),
    authenticatorData: base64url(8_192),
    signature: base64url(4_096),
    userHandle: base64url(128).nullish(),
  }),
});

const clientData = z.object({
  challenge: base64url(256),
  crossOrigin: z.boolean().optional(),
  topOrigin: z.string().optional(),
});

/** Reads a form's `response` field, which is JSON; undefined when it is not what a browser would send. */
export function parseResponse<Schema extends z.ZodType>(
  schema: Schema,
  form: unknown,
): { answer: z.output<Schema>; challenge: string; framed: boolean } | undefined {
  const text = (form as { response?: unknown } | null)?.response;
  if (typeof text !== 'string') return undefined;
  const answer = schema.safeParse(parseJson(text));
  if (!answer.success) return undefined;
  const encoded = (answer.data as { response: { clientDataJSON: string } }).response.clientDataJSON;
  const data = clientData.safeParse(parseJson(Buffer.from(encoded, 'base64url').toString('utf8')));
  if (!data.success) return undefined;
  // The library does not look at crossOrigin when registering: a page framed elsewhere must not make passkeys here.
  const framed = data.data.crossOrigin === true || data.data.topOrigin !== undefined;
  return { answer: answer.data, challenge: data.data.challenge, framed };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
