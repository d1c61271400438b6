// How long one warm signature takes in Node, through the real function, against the same in JavaScript alone.
// Run by `cargo xtask bench`; its argument is the folder of the packed function.

import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'countersign-'));
const secret = Buffer.alloc(48, 7);
const keys = join(folder, 'keys.json');
const jwk = { kty: 'oct', alg: 'HS256', kid: 'k1', k: secret.toString('base64url'), nbf: 0, exp: 99999999999 };
writeFileSync(keys, JSON.stringify({ keys: [jwk] }), { mode: 0o600 });

const one = (name, value) => ({ [name.toLowerCase()]: [{ key: name, value }] });
/** An origin-request event of about 2 KB, as a browser causes it. */
const event = () => ({
  Records: [{ cf: { config: { distributionId: 'EXAMPLE', eventType: 'origin-request' }, request: {
    clientIp: '203.0.113.178',
    method: 'GET',
    uri: '/pets',
    querystring: 'type=dog&page=2',
    headers: {
      ...one('Host', 'abc123.execute-api.eu-west-1.amazonaws.com'),
      ...one('User-Agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36'),
      ...one('Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'),
      ...one('Accept-Language', 'en-GB,en;q=0.9,de;q=0.8'),
      ...one('Accept-Encoding', 'gzip, deflate, br'),
      ...one('Cookie', `session=${'a'.repeat(200)}; theme=dark; consent=1`),
      ...one('Referer', 'https://www.example.com/catalogue/dogs?sort=name'),
      ...one('X-Forwarded-For', '203.0.113.178'),
      ...one('Via', '2.0 2afae0d44e2540f472c0635ab62c232b.cloudfront.net (CloudFront)'),
      ...one('CloudFront-Viewer-Country', 'GB'),
    },
    origin: { custom: {
      customHeaders: { ...one('countersign-secret', `file:${keys}`), ...one('x-api-key', 'k'.repeat(40)) },
      domainName: 'abc123.execute-api.eu-west-1.amazonaws.com',
      path: '/prod', port: 443, protocol: 'https', readTimeout: 30, keepaliveTimeout: 5, sslProtocols: ['TLSv1.2'],
    } },
  } } }],
});

/** The least that a hand-written function does: no configuration, no cleaning, no limits, its key at hand. */
const byHand = async ({ Records: [{ cf: { request } }] }) => {
  const path = request.origin.custom.path + request.uri;
  const query = request.querystring && `?${request.querystring}`;
  const now = Math.floor(Date.now() / 1000);
  const parameters = `("@method" "@authority" "@path" "@query" "countersign-viewer-ip");created=${now};expires=${now + 60}` +
    `;nonce="${randomBytes(16).toString('base64url')}";alg="hmac-sha256";keyid="k1";tag="countersign"`;
  const base = `"@method": ${request.method}\n"@authority": ${request.headers.host[0].value.toLowerCase()}\n"@path": ${path}\n` +
    `"@query": ${query || '?'}\n"countersign-viewer-ip": ${request.clientIp}\n"@signature-params": ${parameters}`;
  const signature = createHmac('sha256', secret).update(base).digest('base64');
  Object.assign(
    request.headers,
    one('Countersign-Signature-Input', `countersign=${parameters}`),
    one('Countersign-Signature', `countersign=:${signature}:`),
    one('Countersign-Target', path + query),
    one('Countersign-Viewer-Ip', request.clientIp),
  );
  return request;
};

const microseconds = async (handler, rounds = 200) => {
  const events = Array.from({ length: rounds }, event);
  const begun = process.hrtime.bigint();
  for (const event of events) await handler(event);
  return Number(process.hrtime.bigint() - begun) / rounds / 1000;
};
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

try {
  const { handler } = await import(join(process.argv[2], 'index.mjs'));
  const first = process.hrtime.bigint();
  const signed = await handler(event());
  console.log(`first signature of a process, keys read from a file: ${Number(process.hrtime.bigint() - first) / 1000} µs`);
  if (!signed.headers?.['countersign-signature']) throw new Error(`not signed: ${JSON.stringify(signed)}`);
  const ours = [];
  const theirs = [];
  for (let round = 0; round < 200; round++) {
    ours.push(await microseconds(handler));
    theirs.push(await microseconds(byHand));
  }
  console.log(`one signature in Node, median: ${median(ours).toFixed(2)} µs; by hand in JavaScript: ${median(theirs).toFixed(2)} µs`);
} finally {
  rmSync(folder, { recursive: true });
}
