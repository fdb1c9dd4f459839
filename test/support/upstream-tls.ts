/**
 * A certificate for upstream.example, every name below it, neighbour.example and localhost, and its key: for tests alone, trusted by
 * nobody but a test that says so. A hundred years long.
 */
export const testCertificate = `-----BEGIN CERTIFICATE-----
MIIB3zCCAYSgAwIBAgIUBlMxC2NUlVSh488nFpiTNp29a0swCgYIKoZIzj0EAwIw
GzEZMBcGA1UEAwwQdXBzdHJlYW0uZXhhbXBsZTAgFw0yNjExMjIwMzUwMDRaGA8y
MTI2MTAyOTAzNTAwNFowGzEZMBcGA1UEAwwQdXBzdHJlYW0uZXhhbXBsZTBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABLuDWpsIat8Rm/mQtsR5cCkr5bWNgd97ElyE
RddxvGxQ9Dy0m3J7PXK+h1DQx41qTMTNmAiKJ8zIMHdgNiY6gRijgaMwgaAwHQYD
VR0OBBYEFHpKVWKPM4v22nnf3w/k80nfVn8pMB8GA1UdIwQYMBaAFHpKVWKPM4v2
2nnf3w/k80nfVn8pME0GA1UdEQRGMESCEHVwc3RyZWFtLmV4YW1wbGWCEioudXBz
dHJlYW0uZXhhbXBsZYIRbmVpZ2hib3VyLmV4YW1wbGWCCWxvY2FsaG9zdDAPBgNV
HRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQDw7MREs9oStpeNF1bNcntm
p8pEANDgCqcQSH6OWd9ofgIhAJcdMjyYtBeAVNrJQBiY5nwvLLllBw3nfwHP+qMi
f5uK
-----END CERTIFICATE-----
`;

export const testCertificateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdQeBDW/aW1qdByiP
VamMNzzHAvzEMNc4O2nscw5FTE6hRANCAAS7g1qbCGrfEZv5kLbEeXApK+W1jYHf
exJchEXXcbxsUPQ8tJtyez1yvodQ0MeNakzEzZgIiifMyDB3YDYmOoEY
-----END PRIVATE KEY-----
`;
