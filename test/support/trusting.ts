/** Node's own https calls, by whatever client, trust the certificate of the tests beside those that they trust anyway. */
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { testCertificate } from './upstream-tls.ts';

export function trustTestCertificate(): void {
  setDefaultCACertificates([...getCACertificates('default'), testCertificate]);
}
