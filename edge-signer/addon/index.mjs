// The Lambda@Edge function. It copies strings into the addon and headers out of it, and decides nothing.
// The form of both texts is described in edge-signer/src/codec.rs.

import { createRequire } from 'node:module';

const { sign, signAfterRefresh } = createRequire(import.meta.url)('./edge-signer.node');

// Without this, a line that cannot be written would end the process, and cost the request its answer. It is told once.
let told = false;
process.stdout.on('error', ({ message }) => {
  if (told) return;
  told = true;
  const timestamp = new Date().toISOString().replace('Z', '000Z');
  process.stderr.write(`${JSON.stringify({ timestamp, level: 'ERROR', event: 'log-not-written', detail: message })}\n`);
});

/** Handles a CloudFront origin-request event: returns the request with its signature, or a response made at the edge. */
export const handler = async (event) => {
  const { lines, data } = describe(event);
  const text = lines.join('\n');
  const decision = sign(text, lines.length, data) ?? (await signAfterRefresh(text, lines.length, data));
  return apply(decision, event?.Records?.[0]?.cf);
};

// An event that cannot be described is not CloudFront's. Of it there are trigger and id alone, where it has them.
function describe(event) {
  const lines = [];
  try {
    const { config, request } = event.Records[0].cf;
    lines.push(string(config?.eventType ?? ''));
    lines.push(JSON.stringify(config?.requestId ?? ''));
    lines.push(String(event.Records.length));
    return { lines, data: push(lines, request) };
  } catch {
    return { lines: lines.slice(0, 2), data: '' };
  }
}

// Returns the body's data, which goes beside the lines.
function push(lines, request) {
  const body = request.body ?? null;
  const origin = originOf(request);
  lines.push(
    string(request.method),
    string(request.uri),
    string(request.querystring ?? ''),
    string(request.clientIp),
    string(origin?.protocol ?? ''),
    string(origin?.path ?? ''),
    body === null ? '' : string(body.encoding),
    body === null ? '' : boolean(body.inputTruncated ?? false),
    '', // the number of headers, once they are counted
  );
  const before = lines.length;
  pushHeaders(lines, request.headers);
  lines[before - 1] = String((lines.length - before) / 2);
  pushHeaders(lines, origin?.customHeaders ?? {});
  return body === null ? '' : string(body.data);
}

// A bucket has no protocol; else both kinds have the same members.
function originOf({ origin }) {
  return origin?.custom ?? origin?.s3;
}

function pushHeaders(lines, headers) {
  for (const name of Object.keys(headers)) {
    for (const { value } of headers[name]) lines.push(name, string(value));
  }
}

// What would only become a string on its way is not one.
function string(value) {
  if (typeof value !== 'string') throw new TypeError('not a string');
  return value;
}

function boolean(value) {
  if (typeof value !== 'boolean') throw new TypeError('not a boolean');
  return String(value);
}

function apply(decision, cf) {
  const lines = decision.split('\n');
  let at = 0;
  const next = () => lines[at++];
  const times = (act) => {
    for (let left = Number(next()); left > 0; left--) act();
  };

  // Lambda's console writes a time and a request id before a line. This is JSON that CloudWatch reads: as it is.
  times(() => process.stdout.write(`${next()}\n`));
  const status = next();
  if (status) {
    const statusDescription = next();
    const headers = {};
    times(() => set(headers, next(), next()));
    return cf?.response ?? { status, statusDescription, headers, body: next() };
  }
  const { request } = cf;
  times(() => delete request.headers[next()]);
  times(() => set(request.headers, next(), next()));
  times(() => delete originOf(request).customHeaders[next()]);
  return request;
}

function set(headers, key, value) {
  headers[key.toLowerCase()] = [{ key, value }];
}
