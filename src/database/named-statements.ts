import pg from 'pg';

/** The protocol adapter's own pool: every statement is named, so a connection parses and plans it once. */
export interface NamedStatements {
  /** Commits by itself. One name always goes with one text. */
  query<Row>(name: string, text: string, values: readonly unknown[]): Promise<{ rows: Row[]; rowCount: number }>;
  close(): Promise<void>;
}

interface Options {
  /** Connections at most. */
  readonly max: number;
  /** Called once for each round trip. */
  readonly onQuery?: (name: string) => void;
}

export function connectNamedStatements(connection: pg.PoolConfig, options: Options): NamedStatements {
  const pool = new pg.Pool({
    application_name: 'latchkey-protocol',
    connectionTimeoutMillis: 1_000,
    idleTimeoutMillis: 60_000, // a new connection has to plan every statement again
    keepAlive: true,
    ...withoutSequentialScans(connection),
    max: options.max,
    statement_timeout: 3_000,
    lock_timeout: 1_000,
  });
  // An idle connection that the server closed (restart, failover) is nobody's error: the pool has dropped it already,
  // and the next query connects anew or fails by itself. Without a listener the event would end the process.
  pool.on('error', () => {});

  return {
    async query<Row>(name: string, text: string, values: readonly unknown[]) {
      options.onQuery?.(name);
      const { rows, rowCount } = await pool.query({ name, text, values: values as unknown[] });
      return { rows: rows as Row[], rowCount: rowCount ?? 0 };
    },
    close: () => pool.end(),
  };
}

/**
 * A named statement first planned on an empty table keeps a sequential scan until autovacuum has seen the table grow.
 * Everything on this pool is by key, so an index is always right; rooms and administration must not share the setting.
 */
function withoutSequentialScans(connection: pg.PoolConfig): pg.PoolConfig {
  const also = (given: string | null | undefined): string => `${given ?? ''} -c enable_seqscan=off`.trim();
  // What a connection string says goes before the fields beside it, so its options are extended where they are.
  if (connection.connectionString?.includes('options=')) {
    const url = new URL(connection.connectionString);
    url.searchParams.set('options', also(url.searchParams.get('options')));
    return { ...connection, connectionString: url.href };
  }
  return { ...connection, options: also(connection.options) };
}
