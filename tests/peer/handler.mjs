// What the edge signer does for its first request, written in JavaScript with the AWS SDK: the least of it, with no cleaning,
// no limits and no key life. The SDK is in the folder that COUNTERSIGN_PEER names.

import { createHmac, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.env.COUNTERSIGN_PEER, 'package.json'));
const { GetSecretValueCommand, SecretsManagerClient } = require('@aws-sdk/client-secrets-manager');

const client = new SecretsManagerClient({ region: process.env.AWS_REGION, maxAttempts: 1 });
let key;

export const handler = async ({ Records: [{ cf: { request } }] }) => {
  const { customHeaders, path } = request.origin.custom;
  if (!key) {
    const SecretId = customHeaders['countersign-secret'][0].value;
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId, VersionStage: 'AWSCURRENT' }));
    const [{ kid, k }] = JSON.parse(SecretString).keys;
    key = { kid, secret: Buffer.from(k, 'base64url') };
  }
  const target = path + request.uri;
  const query = request.querystring && `?${request.querystring}`;
  const now = Math.floor(Date.now() / 1000);
  const parameters = `("@method" "@authority" "@path" "@query" "countersign-viewer-ip");created=${now};expires=${now + 60}` +
    `;nonce="${randomBytes(16).toString('base64url')}";alg="hmac-sha256";keyid="${key.kid}";tag="countersign"`;
  const base = `"@method": ${request.method}\n"@authority": ${request.headers.host[0].value.toLowerCase()}\n"@path": ${target}\n` +
    `"@query": ${query || '?'}\n"countersign-viewer-ip": ${request.clientIp}\n"@signature-params": ${parameters}`;
  const set = (name, value) => (request.headers[name.toLowerCase()] = [{ key: name, value }]);
  set('Countersign-Signature-Input', `countersign=${parameters}`);
  set('Countersign-Signature', `countersign=:${createHmac('sha256', key.secret).update(base).digest('base64')}:`);
  set('Countersign-Target', target + query);
  set('Countersign-Viewer-Ip', request.clientIp);
  delete customHeaders['countersign-secret'];
  return request;
};
