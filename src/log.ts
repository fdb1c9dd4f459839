import { type Logger, pino } from 'pino';

const secrets = ['code', 'password', 'secret', 'client_secret', 'token', 'authorization', 'cookie'];

/** JSON off a terminal, plain lines on one. What must never be logged is listed here, once. */
export function makeLog(level: string): Logger {
  const options = {
    level,
    redact: {
      paths: [
        ...secrets.flatMap((key) => [key, `form.${key}`, `headers.${key}`]),
        // What a failed statement was given.
        ...['err.bindings', 'err.parameters', 'err.detail', 'err.where'],
      ],
      censor: '[redacted]',
    },
  };
  return process.stdout.isTTY
    ? pino(options, { write: (line) => process.stdout.write(forPeople(line)) })
    : pino(options);
}

function forPeople(line: string): string {
  const { time, level, msg, err } = JSON.parse(line) as {
    time: number;
    level: number;
    msg?: string;
    err?: { stack?: string };
  };
  const at = new Date(time).toTimeString().slice(0, 8);
  const label = level >= 30 && level < 40 ? '' : `${pino.levels.labels[level] ?? level}: `;
  return `${at} ${label}${msg ?? ''}${err?.stack ? `\n${err.stack}` : ''}\n`;
}
