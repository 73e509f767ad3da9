// certs.js - a certificate authority of our own, made anew for each run with openssl.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const openssl = (dir, ...args) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });

function issue(dir, name, san, days = ['-days', '2']) {
  const files = { key: `${name}.key`, csr: `${name}.csr`, crt: `${name}.crt`, ext: `${name}.ext` };
  writeFileSync(path.join(dir, files.ext), `subjectAltName=${san}\n`);
  openssl(dir, 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-keyout', files.key, '-out', files.csr, '-subj', `/CN=${name}`);
  openssl(dir, 'x509', '-req', '-in', files.csr, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial',
    '-out', files.crt, '-extfile', files.ext, ...days);
  return { key: readFileSync(path.join(dir, files.key)), cert: readFileSync(path.join(dir, files.crt)) };
}

// { caFile, good, wrongHost, expired, selfSigned }: key and cert of each, for node:tls.
export function makeCertificates(dir) {
  openssl(dir, 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=gproxy test authority');
  openssl(dir, 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-keyout', 'self.key', '-out', 'self.crt', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  const read = (f) => readFileSync(path.join(dir, f));
  return {
    caFile: path.join(dir, 'ca.crt'),
    good: issue(dir, 'good', 'DNS:localhost,IP:127.0.0.1'),
    wrongHost: issue(dir, 'wrong', 'DNS:elsewhere.test'),
    expired: issue(dir, 'expired', 'DNS:localhost,IP:127.0.0.1', ['-days', '-1']),
    selfSigned: { key: read('self.key'), cert: read('self.crt') },
  };
}
