// The Lambda@Edge function. It copies strings into the addon and headers out of it, and decides nothing.
// The form of both texts is described in edge-signer/src/codec.rs.

import { writeSync } from 'node:fs';

// As `require` does it, without loading the loader of CommonJS.
const addon = { exports: {} };
process.dlopen(addon, decodeURIComponent(new URL('edge-signer.node', import.meta.url).pathname));
const { fields, sign, signAfterRefresh } = addon.exports;

const FIELDS = fields().map((key) => ({ key, name: key.toLowerCase() }));

/** Handles a CloudFront origin-request event: returns the request with its signature, or a response made at the edge. */
export const handler = async (event) => {
  const { lines, data } = describe(event);
  const text = lines.join('\n');
  const decision = signNow(text, data, lines.length) ?? (await signAfterRefresh(text, data, lines.length));
  return apply(decision, event?.Records?.[0]?.cf);
};

// One buffer for all events, so that no event needs a new one.
let buffer = new Uint8Array(32768);
const encoder = new TextEncoder();

function signNow(text, data, lines) {
  // A character has at most three bytes.
  const most = 3 * (text.length + data.length);
  if (most > buffer.length) buffer = new Uint8Array(most);
  const { written } = encoder.encodeInto(text, buffer);
  const body = data === '' ? 0 : encoder.encodeInto(data, buffer.subarray(written)).written;
  return sign(buffer, written, body, lines);
}

// An event that cannot be described is not CloudFront's. Of it there are trigger and id alone, where it has them.
function describe(event) {
  const lines = [];
  try {
    const { config, request } = event.Records[0].cf;
    lines.push(string(config?.eventType ?? ''), id(config?.requestId), String(event.Records.length));
    return { lines, data: push(lines, request) };
  } catch {
    return { lines: lines.slice(0, 2), data: '' };
  }
}

// Returns the body's data, which goes beside the lines.
function push(lines, request) {
  const body = request.body ?? null;
  const origin = originOf(request);
  const before = lines.push(
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
  pushHeaders(lines, request.headers);
  lines[before - 1] = String((lines.length - before) / 2);
  if (origin?.customHeaders) pushHeaders(lines, origin.customHeaders);
  return body === null ? '' : string(body.data);
}

// A bucket has no protocol; else both kinds have the same members.
function originOf({ origin }) {
  return origin?.custom ?? origin?.s3;
}

function pushHeaders(lines, headers) {
  for (const name in headers) {
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

// What is not an id is not logged, and prevents nothing.
function id(value) {
  return typeof value === 'string' && !value.includes('\n') ? value : '';
}

function apply(decision, cf) {
  const lines = decision.split('\n');
  let at = 0;

  // Lambda's console writes a time and a request id before a line. This is JSON that CloudWatch reads: as it is.
  for (let left = Number(lines[at++]); left > 0; left--) log(`${lines[at++]}\n`);
  const status = lines[at++];
  if (status) {
    const statusDescription = lines[at++];
    const headers = {};
    for (let left = Number(lines[at++]); left > 0; left--) {
      const key = lines[at++];
      headers[key.toLowerCase()] = [{ key, value: lines[at++] }];
    }
    return cf?.response ?? { status, statusDescription, headers, body: lines[at] };
  }
  const { request } = cf;
  const { headers } = request;
  for (let left = Number(lines[at++]); left > 0; left--) delete headers[lines[at++]];
  const set = Number(lines[at++]);
  for (let i = 0; i < set; i++) {
    const { key, name } = FIELDS[i];
    headers[name] = [{ key, value: lines[at++] }];
  }
  const origin = originOf(request);
  // A copy without a member takes less time than `delete`.
  for (let left = Number(lines[at++]); left > 0; left--) {
    const { [lines[at++]]: _, ...kept } = origin.customHeaders;
    origin.customHeaders = kept;
  }
  return request;
}

// To make `process.stdout` takes longer than all else that a new process does until its first signature. So it is made only if a
// line cannot be written at once, and then it writes that line and all later ones.
let stdout;
function log(line) {
  let rest = Buffer.from(line);
  try {
    if (!stdout) rest = rest.subarray(writeSync(1, rest));
  } catch {
    // The stream waits, or reports it.
  }
  if (rest.length > 0) (stdout ??= openStdout()).write(rest);
}

// Without the listener, a line that cannot be written would end the process, and cost the request its answer. It is told once.
function openStdout() {
  let told = false;
  return process.stdout.on('error', ({ message }) => {
    if (told) return;
    told = true;
    const timestamp = new Date().toISOString().replace('Z', '000Z');
    process.stderr.write(`${JSON.stringify({ timestamp, level: 'ERROR', event: 'log-not-written', detail: message })}\n`);
  });
}
