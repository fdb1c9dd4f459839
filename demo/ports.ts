import { connect } from 'node:net';

/** The first port from `wanted` upwards on which nobody answers, and which is not `taken` either. */
export async function freePort(wanted: number, taken?: number): Promise<number> {
  for (let port = wanted; port < wanted + 100 && port <= 65_535; port += 1) {
    if (port !== taken && !(await somebodyAnswers(port))) return port;
  }
  throw new Error(`There is no free port from ${wanted} on.`);
}

/** Asks like a browser does: `localhost` is an IPv4 and an IPv6 address, and a program on either one is in the way. */
function somebodyAnswers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: 'localhost', port });
    const tell = (answers: boolean) => () => {
      resolve(answers);
      socket.destroy();
    };
    socket.once('connect', tell(true)).once('error', tell(false)).setTimeout(1_000, tell(false));
  });
}
