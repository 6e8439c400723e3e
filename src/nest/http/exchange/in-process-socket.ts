import { type AddressInfo, Socket } from 'node:net';

/** Properties of a socket that describe its connection. */
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
 * A socket without a connection, which discards everything that is written to it. It is a real `Socket`, because
 * middleware may use any property of it: addresses, timeouts, `setNoDelay`. It has the addresses of `client`, and no
 * certificate.
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
    // There is nothing to read.
  }

  override _write(_chunk: unknown, _encoding: BufferEncoding, done: () => void): void {
    done();
  }

  override _writev(_chunks: unknown, done: () => void): void {
    done();
  }
}

/** Properties of a TLS connection whose client has sent no certificate. */
const WITHOUT_CERTIFICATE = {
  encrypted: true,
  authorized: false,
  getPeerCertificate: () => ({}),
  getPeerX509Certificate: () => undefined,
  getCertificate: () => ({}),
  getProtocol: () => null,
  getSession: () => undefined,
};
