// The Lambda@Edge function. It copies strings into the addon and headers out of it, and decides nothing.
// The form of both texts is described in edge-signer/src/frame.rs.

import { createRequire } from 'node:module';
import { STATUS_CODES } from 'node:http';

const { sign, signAfterRefresh } = createRequire(import.meta.url)('./edge-signer.node');

/** Handles a CloudFront origin-request event: returns the request with its signature, or a response made at the edge. */
export const handler = async (event) => {
  const { request } = event.Records[0].cf;
  const data = request.body?.data ?? '';
  const lines = describe(request);
  const text = lines.join('\n');
  return apply(sign(text, lines.length, data) ?? (await signAfterRefresh(text, lines.length, data)), request);
};

function describe(request) {
  const { method, uri, querystring, clientIp, headers, body } = request;
  const origin = originOf(request);
  const lines = [
    method,
    uri,
    querystring,
    clientIp,
    origin?.protocol ?? '',
    origin?.path ?? '',
    body?.encoding ?? '',
    String(body?.inputTruncated ?? false),
    '', // the number of headers, once they are counted
  ];
  const before = lines.length;
  push(lines, headers);
  lines[before - 1] = String((lines.length - before) / 2);
  push(lines, origin?.customHeaders ?? {});
  return lines;
}

// A bucket has no protocol; else both kinds have the same members.
function originOf({ origin }) {
  return origin?.custom ?? origin?.s3;
}

function push(lines, headers) {
  for (const name in headers) {
    for (const { value } of headers[name]) lines.push(name, value);
  }
}

function apply(outcome, request) {
  const lines = outcome.split('\n');
  let at = 0;
  const next = () => lines[at++];
  const times = (act) => {
    for (let left = Number(next()); left > 0; left--) act();
  };

  // Lambda's console writes a time and a request id before a line. This is JSON that CloudWatch reads: as it is.
  times(() => process.stdout.write(`${next()}\n`));
  const status = next();
  if (status) {
    const headers = {};
    times(() => set(headers, next(), next()));
    return { status, statusDescription: STATUS_CODES[status], headers, body: next() };
  }
  times(() => delete request.headers[next()]);
  times(() => set(request.headers, next(), next()));
  times(() => delete originOf(request).customHeaders[next()]);
  return request;
}

function set(headers, key, value) {
  headers[key.toLowerCase()] = [{ key, value }];
}
