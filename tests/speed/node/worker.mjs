// What users of JavaScript take instead, and our own function in Node, as a worker: for each line `NAME ROUNDS` of standard input,
// the nanoseconds of one round on a line of standard output that begins with `reply`. Its arguments are the folder of the fixtures
// and our function.

import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import { openSync, readFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { verifySignature } from 'http-message-sig';
import { httpbis } from 'http-message-signatures';
import { authorize, readKeys } from './authorizer.mjs';

const [fixtures, ours] = process.argv.slice(2);
const text = (name) => readFileSync(`${fixtures}/${name}`, 'utf8');
const parts = JSON.parse(text('parts.json'));
const key = createSecretKey(Buffer.from(parts.k, 'base64url'));
const hmac = (data) => createHmac('sha256', key).update(data).digest();
const logFile = openSync('/dev/null', 'w');
const log = (line) => writeSync(logFile, line);
const must = (right, what) => { if (!right) throw new Error(`not as it should be: ${what}`); };

const fields = ['@method', '@authority', '@path', '@query', 'countersign-viewer-ip'];
const parameters = ['created', 'expires', 'nonce', 'alg', 'keyid', 'tag'];
const url = `https://${parts.authority}${parts.target}`;
// The libraries read the names of the RFC.
const headers = parts.headers.map(([name, value]) => [name.replace('Countersign-Signature', 'Signature'), value]);

/** Processor time of all threads, and wall time, of one round. */
const measured = async (rounds, act) => {
  const cpu = process.cpuUsage();
  const begun = process.hrtime.bigint();
  await act();
  const wall = Number(process.hrtime.bigint() - begun);
  const { user, system } = process.cpuUsage(cpu);
  return { ns: (user + system) * 1000 / rounds, wall: wall / rounds };
};

/** A handler changes its event, so each needs a new one. They are made outside of the measured time, and few at a time, so that the
 * garbage collector does not move them inside of it. */
const edge = (load, name) => async () => {
  const { handler } = await load();
  const event = text(name);
  checkSigned(await handler(JSON.parse(event)));
  return async (rounds) => {
    const sum = { ns: 0, wall: 0 };
    for (let left = rounds; left > 0;) {
      const some = Math.min(left, event.length > 100_000 ? 4 : 100);
      const events = Array.from({ length: some }, () => JSON.parse(event));
      const { ns, wall } = await measured(some, async () => {
        for (const event of events) await handler(event);
      });
      sum.ns += ns * some / rounds;
      sum.wall += wall * some / rounds;
      left -= some;
    }
    return sum;
  };
};

function checkSigned({ method, headers }) {
  const value = (name) => headers[name]?.[0].value ?? '';
  const signed = value('countersign-signature-input').replace('countersign=', '');
  const [path, query] = parts.target.split('?');
  const digest = value('content-digest');
  const base = `"@method": ${method}\n"@authority": ${parts.authority}\n"@path": ${path}\n"@query": ?${query}\n` +
    `"countersign-viewer-ip": ${parts.viewer_ip}\n${digest && `"content-digest": ${digest}\n`}"@signature-params": ${signed}`;
  must(value('countersign-signature') === `countersign=:${hmac(base).toString('base64')}:`, JSON.stringify(headers));
}

const sync = (act, check) => async () => {
  check(act());
  return (rounds) => measured(rounds, () => {
    for (let i = 0; i < rounds; i++) act();
  });
};
const async_ = (act, check) => async () => {
  check(await act());
  return (rounds) => measured(rounds, async () => {
    for (let i = 0; i < rounds; i++) await act();
  });
};

function httpMessageSignatures() {
  const lookup = {
    keyLookup: async ({ keyid }) => (keyid !== parts.key_id ? null : {
      id: keyid, algs: ['hmac-sha256'], verify: async (data, signature) => timingSafeEqual(hmac(data), signature),
    }),
    requiredFields: fields, requiredParams: parameters,
  };
  const message = { method: parts.method, url, headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value])) };
  return async_(() => httpbis.verifyMessage(lookup, message), (verified) => must(verified === true, verified))();
}

function httpMessageSig() {
  const verifier = { algorithm: 'hmac-sha256', verify: (data, signature) => timingSafeEqual(hmac(data), signature) };
  const policy = {
    algorithms: ['hmac-sha256'], requiredComponents: fields, requiredParameters: parameters, maxAge: 3600, clockSkew: 5,
  };
  const message = () => ({
    kind: 'request', method: parts.method, targetUri: url, fields: headers.map(([name, value]) => ({ name, value })),
  });
  return async_(
    () => verifySignature(message(), { label: 'countersign', policy, resolveVerifier: () => verifier }),
    ({ label }) => must(label === 'countersign', label),
  )();
}

function event() {
  const held = { keys: readKeys(text('keys.json')), read: Date.now() };
  const bytes = Buffer.from(text('rest.json'));
  return sync(
    () => Buffer.from(JSON.stringify(authorize(JSON.parse(bytes.toString()), held, log))),
    (answer) => must(answer.includes('"Allow"') && answer.includes('"verified"'), answer),
  )();
}

const MAKERS = {
  'http-message-signatures-verify': httpMessageSignatures,
  'http-message-sig-verify': httpMessageSig,
  event,
  'edge-ours': edge(() => import(ours), 'edge.json'),
  'edge-hand': edge(() => import('./signer-file.mjs'), 'edge.json'),
  'body-ours': edge(() => import(ours), 'edge-body.json'),
  'body-hand': edge(() => import('./signer-file.mjs'), 'edge-body.json'),
};

const benches = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const [name, rounds] = line.split(' ');
  if (!benches.has(name)) benches.set(name, await MAKERS[name]());
  process.stdout.write(`reply ${JSON.stringify(await benches.get(name)(Number(rounds)))}\n`);
}
