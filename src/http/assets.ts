import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Context } from 'koa';
import type { Layout } from '../../views/layout.tsx';

const require = createRequire(import.meta.url);
const own = (name: string): string => fileURLToPath(new URL(`./assets/${name}`, import.meta.url));

const files = {
  'style.css': { path: own('style.css'), type: 'text/css; charset=utf-8' },
  'passkey.js': { path: own('passkey.js'), type: 'text/javascript; charset=utf-8' },
  'pass.js': { path: own('pass.js'), type: 'text/javascript; charset=utf-8' },
  'continue.js': { path: own('continue.js'), type: 'text/javascript; charset=utf-8' },
  'wait.js': { path: own('wait.js'), type: 'text/javascript; charset=utf-8' },
  'webauthn.js': { path: webauthnBundle(), type: 'text/javascript; charset=utf-8' },
  'latchkey.svg': { path: own('latchkey.svg'), type: 'image/svg+xml' },
} as const;

/** The one door of @simplewebauthn/browser: its classic-script bundle, served as it is. */
function webauthnBundle(): string {
  return require
    .resolve('@simplewebauthn/browser')
    .replace(/(@simplewebauthn[\\/]browser[\\/]).*$/, '$1dist/bundle/index.umd.min.js');
}

export interface Assets {
  readonly addresses: Layout['assets'];
  /** Answers when the path is one of ours. */
  serve(ctx: Context): boolean;
}

/** Read once at start. An address carries a digest of what it serves, so browsers may keep it for good. */
export function loadAssets(): Assets {
  const served = new Map<string, { body: Buffer; type: string }>();
  const address = (name: keyof typeof files): string => {
    const body = readFileSync(files[name].path);
    const mark = createHash('sha256').update(body).digest('base64url').slice(0, 12);
    const path = `/assets/${mark}/${name}`;
    served.set(path, { body, type: files[name].type });
    return path;
  };
  const addresses = {
    style: address('style.css'),
    passkeyScript: address('passkey.js'),
    passScript: address('pass.js'),
    continueScript: address('continue.js'),
    waitScript: address('wait.js'),
    webauthnScript: address('webauthn.js'),
    mark: address('latchkey.svg'),
  };
  return {
    addresses,
    serve(ctx) {
      const asset = ctx.method === 'GET' || ctx.method === 'HEAD' ? served.get(ctx.path) : undefined;
      if (!asset) return false;
      ctx.set('cache-control', 'public, max-age=31536000, immutable');
      ctx.type = asset.type;
      ctx.body = asset.body;
      return true;
    },
  };
}
