import { type AddressInfo, Socket } from 'node:net';

/** What a socket says of the connection that it belongs to. */
const ADDRESS_NAMES = [
  'remoteAddress',
  'remotePort',
  'remoteFamily',
  'localAddress',
  'localPort',
  'localFamily',
] as const;

export type ClientSocket = Readonly<Partial<Pick<Socket, (typeof ADDRESS_NAMES)[number]>>> & {
  readonly encrypted?: boolean;
};

/**
 * A socket without a connection, which takes whatever is written to it. It is a real one, because middleware asks of a
 * request's socket what it likes: addresses, time-outs, `setNoDelay`. The addresses are those of `client`; a
 * certificate it does not have.
 */
export class InProcessSocket extends Socket {
  constructor(client: ClientSocket) {
    super();
    const encrypted = client.encrypted === true ? WITHOUT_CERTIFICATE : {};
    const own = {
      ...encrypted,
      ...Object.fromEntries(ADDRESS_NAMES.map((name) => [name, client[name]])),
      pending: false,
      bufferSize: 0,
    };
    for (const [name, value] of Object.entries(own))
      Object.defineProperty(this, name, { value, configurable: true, enumerable: true, writable: true });
  }

  override address(): AddressInfo | Record<string, never> {
    const { localAddress: address, localPort: port, localFamily: family } = this;
    return address === undefined || port === undefined || family === undefined ? {} : { address, port, family };
  }

  override _read(): void {
    // Nobody sends anything on it.
  }

  override _write(_chunk: unknown, _encoding: BufferEncoding, done: () => void): void {
    done();
  }

  override _writev(_chunks: unknown, done: () => void): void {
    done();
  }
}

/** How a TLS connection looks whose client has shown no certificate. */
const WITHOUT_CERTIFICATE = {
  encrypted: true,
  authorized: false,
  getPeerCertificate: () => ({}),
  getPeerX509Certificate: () => undefined,
  getCertificate: () => ({}),
  getProtocol: () => null,
  getSession: () => undefined,
};
