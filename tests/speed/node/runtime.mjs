// The authorizer by hand as a Lambda runtime in Node: a loop over one socket that reads no more of HTTP than it needs. Lambda's own
// runtime, and node:http, do more and take longer. Its key comes from Secrets Manager by the AWS SDK.
import { connect } from 'node:net';
import { writeSync } from 'node:fs';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { authorize, readKeys } from './authorizer.mjs';

const api = process.env.AWS_LAMBDA_RUNTIME_API;
const [host, port] = api.split(':');
const client = new SecretsManagerClient({ region: process.env.AWS_REGION, maxAttempts: 1 });
const log = (line) => writeSync(1, line);
let held;

const NEXT = `GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: ${api}\r\n\r\n`;
const ID = /\r\nlambda-runtime-aws-request-id: *([^\r]+)/i;
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const socket = connect({ host, port: Number(port), noDelay: true });
let buffer = Buffer.alloc(0);
let head;

socket.on('data', (data) => {
  buffer = buffer.length ? Buffer.concat([buffer, data]) : data;
  for (;;) {
    const end = buffer.indexOf('\r\n\r\n');
    if (end < 0) return;
    head = buffer.latin1Slice(0, end);
    const length = Number(LENGTH.exec(head)[1]);
    if (buffer.length < end + 4 + length) return;
    const body = buffer.subarray(end + 4, end + 4 + length);
    buffer = buffer.subarray(end + 4 + length);
    const id = ID.exec(head);
    // Without an id it is the answer to a response: then the next event is asked for.
    if (id) invoke(id[1], body);
    else socket.write(NEXT);
  }
});
socket.on('connect', () => socket.write(NEXT));

function respond(id, event) {
  const answer = JSON.stringify(authorize(event, held, log));
  const length = Buffer.byteLength(answer);
  socket.write(`POST /2018-06-01/runtime/invocation/${id}/response HTTP/1.1\r\nHost: ${api}\r\nContent-Length: ${length}\r\n\r\n${answer}`);
}

function invoke(id, body) {
  const event = JSON.parse(body.toString());
  const now = Date.now();
  if (held && now - held.read < 60_000) return respond(id, event);
  const asked = new GetSecretValueCommand({ SecretId: process.env.COUNTERSIGN_SECRET, VersionStage: 'AWSCURRENT' });
  return client.send(asked).then(({ SecretString }) => {
    held = { keys: readKeys(SecretString), read: now };
    respond(id, event);
  });
}
