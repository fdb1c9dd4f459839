import { randomUUID } from 'node:crypto';
import { type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { graphError } from './graph/resources.ts';
import { asksAnApi } from './graph/keys.ts';

/**
 * Says why to whoever sends what node's parser refuses: it never becomes a request, so none of our doors sees it. In the envelope of
 * the management API on its paths, elsewhere as a sentence.
 */
export function answerUnreadable(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Duplex) => {
    // As node does by itself: an answer that has begun is not written into.
    const { _httpMessage: begun } = socket as { _httpMessage?: ServerResponse | null };
    if (error.code === 'ECONNRESET' || !socket.writable || begun?.headersSent) return socket.destroy();
    const { status, message } = refusals[error.code ?? ''] ?? { status: 400, message: 'This is no HTTP request.' };
    const target = /^[A-Z]+ (\/[^ ?]*)/.exec(error.rawPacket?.toString('latin1', 0, 256) ?? '')?.[1] ?? '';
    const requestId = randomUUID();
    const [type, body] = asksAnApi(target)
      ? ['application/json', JSON.stringify(graphError({ code: 'badRequest', message, requestId }, '', new Date()))]
      : ['text/plain', `${message}\n`];
    socket.end(
      [
        `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
        `content-type: ${type}; charset=utf-8`,
        `content-length: ${Buffer.byteLength(body)}`,
        'cache-control: no-store',
        'x-content-type-options: nosniff',
        `request-id: ${requestId}`,
        `client-request-id: ${requestId}`,
        'connection: close',
        '',
        body,
      ].join('\r\n'),
    );
  });
}

const refusals: Readonly<Record<string, { readonly status: number; readonly message: string }>> = {
  HPE_HEADER_OVERFLOW: { status: 431, message: 'The address and the headers take 16 KiB at most.' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, message: 'The body is sent in parts that are too large.' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, message: 'The request did not arrive in time.' },
};
