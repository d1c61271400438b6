// The edge function as an expert of Node writes it by hand: the same configuration, cleaning, limits, body digest and signature as
// Countersign's, with node:crypto. `handlerWith(loadKeys)` takes the place that its keys come from.

import { createHash, createHmac, createSecretKey, randomFillSync } from 'node:crypto';
import { byteSequences } from './structured.mjs';

const KNOWN = new Set(['secret', 'regions', 'mode', 'body', 'api', 'lifetime', 'ttl', 'max-stale'].map((name) => `countersign-${name}`));
const FORBIDDEN = new Set(['host', 'content-digest', 'content-length', 'transfer-encoding']);
const OVERRIDES = new Set(['x-http-method-override', 'x-http-method', 'x-method-override']);
// Loading node:net takes longer than a hundred signatures, so it waits for the first address of IPv6.
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const isIP = (text) => IPV4.test(text) || (!text.includes('%') && process.getBuiltinModule('node:net').isIPv6(text));
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TARGET = /^\/[\x21\x22\x24-\x7e]*$/;
const HOST = /^[A-Za-z0-9\-._~:[\]]+$/;
const SOURCE = /^(?:none|file:.+|arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-[A-Za-z0-9]{6})$/;
const HEAD_LIMIT = 10_240 - 512;

class Problem extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}
const fail = (status, message) => { throw new Problem(status, message); };

// To ask for random bytes costs more than to make them, so one call makes many.
const pool = Buffer.alloc(4096);
let used = pool.length;
function nonce() {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return pool.toString('base64url', used, (used += 16));
}

const folded = (name) => (name.includes('_') ? name.replaceAll('_', '-') : name);
const isOurs = (name) => folded(name).startsWith('countersign-');
const isBodiless = ({ method }) => method === 'GET' || method === 'HEAD';

function single(customHeaders, name) {
  const values = customHeaders[name];
  if (values === undefined) return undefined;
  if (values.length !== 1) fail(500, `${name}: has more than one value`);
  return values[0].value;
}

function seconds(customHeaders, name, otherwise, least, most) {
  const value = single(customHeaders, name);
  if (value === undefined) return otherwise;
  const number = /^\d{1,6}$/.test(value) ? Number(value) : -1;
  return number >= least && number <= most ? number : fail(500, `${name}: out of range`);
}

function word(customHeaders, name, words) {
  const value = single(customHeaders, name);
  if (value === undefined) return words[0];
  return words.includes(value) ? value : fail(500, `${name}: accepted is ${words}`);
}

function configuration(customHeaders) {
  for (const name in customHeaders) {
    const plain = folded(name);
    if (plain.startsWith('countersign-') && !KNOWN.has(name)) fail(500, `${name}: is not a setting`);
    if (FORBIDDEN.has(plain) || OVERRIDES.has(plain)) fail(500, `${name}: must not be a custom header`);
  }
  const secret = single(customHeaders, 'countersign-secret') ?? fail(500, 'countersign-secret: is missing');
  if (!SOURCE.test(secret)) fail(500, 'countersign-secret: is not the location of a key set');
  return {
    secret,
    mode: word(customHeaders, 'countersign-mode', ['enforce', 'monitor']),
    body: word(customHeaders, 'countersign-body', ['digest', 'ignore', 'require']),
    api: word(customHeaders, 'countersign-api', ['rest', 'http']),
    lifetime: seconds(customHeaders, 'countersign-lifetime', 60, 1, 300),
    ttl: seconds(customHeaders, 'countersign-ttl', 300, 1, 300),
    maxStale: seconds(customHeaders, 'countersign-max-stale', 1800, 0, 1800),
  };
}

const join = (values) => (values === undefined ? '' : values.length === 1 ? values[0].value : values.map(({ value }) => value).join(', '));

/** The digests that a field names, as the viewer sent it; undefined if it has neither of the two known ones. */
function digestsOf(field) {
  const found = new Map();
  try {
    byteSequences(field, (key, { base64 }) => {
      if (key !== 'sha-256' && key !== 'sha-512') return;
      const bytes = Buffer.from(base64, 'base64');
      if (found.has(key) || bytes.length !== (key === 'sha-256' ? 32 : 64) || bytes.toString('base64') !== base64) throw new SyntaxError();
      found.set(key, base64);
    });
  } catch {
    return undefined;
  }
  return found.size ? found : undefined;
}

const NO_BODY = { data: '', encoding: 'text', inputTruncated: false };

/** The digest to send and to cover, if there is one. */
function contentDigest(request, rule, log) {
  const { headers } = request;
  const sent = headers['content-digest'];
  const field = join(sent);
  const own = sent && digestsOf(field);
  if (sent && !own) log('viewer-digest-removed');
  if (isBodiless(request)) return own && field;
  let { body } = request;
  if (!body) {
    const announced = announcesBody(headers);
    if (announced && rule === 'require') fail(500, 'the event has no body');
    if (announced && rule === 'digest' && !own) log('body-not-seen');
    if (announced || rule !== 'require') return own && field;
    body = NO_BODY;
  }
  if (body.inputTruncated) {
    if (rule === 'require') fail(413, 'the body is too large');
    log('body-truncated');
    return own && field;
  }
  if (rule === 'ignore') return own && field;
  if (body.encoding !== 'base64' && body.encoding !== 'text') fail(500, 'the encoding of the body');
  // Decoded by `update` itself: a Buffer of its own takes several times as long.
  const digest = (algorithm) =>
    createHash(algorithm).update(body.data, body.encoding === 'base64' ? 'base64' : 'utf8').digest('base64');
  if (!own) return `sha-256=:${digest('sha256')}:`;
  for (const [name, value] of own) if (value !== digest(name.replace('-', ''))) fail(400, 'the body does not match its digest');
  return field;
}

function announcesBody(headers) {
  for (const name in headers) {
    const plain = folded(name);
    if (plain === 'transfer-encoding' || (plain === 'content-length' && headers[name].some(({ value }) => value !== '0'))) return true;
  }
  return false;
}

/** Removes the headers that a viewer may have forged, those that are custom headers too, and our configuration. */
function clean({ headers, origin: { custom: { customHeaders } } }, keepsDigest, log) {
  for (const name in headers) {
    const plain = folded(name);
    const isOverride = OVERRIDES.has(plain);
    if (isOverride) log('method-override-removed');
    if (isOverride || plain.startsWith('countersign-') || (plain === 'content-digest' && !(keepsDigest && name === plain))
      || customHeaders[name]) {
      delete headers[name];
    }
  }
  for (const name in customHeaders) if (isOurs(name)) delete customHeaders[name];
}

const bytesOf = (headers) => {
  let bytes = 0;
  for (const name in headers) for (const { value } of headers[name]) bytes += name.length + value.length;
  return bytes;
};

/** The key that signs now: the latest that has begun. */
function signingKey(keys, now) {
  let best;
  for (const key of keys) {
    if (key.nbf <= now && now < key.exp && (!best || key.nbf > best.nbf || (key.nbf === best.nbf && key.kid > best.kid))) best = key;
  }
  return best ?? fail(503, 'no key');
}

export const readKeys = (text) =>
  JSON.parse(text).keys.map(({ kid, k, nbf, exp }) => ({ kid, nbf, exp, key: createSecretKey(Buffer.from(k, 'base64url')) }));

function sign(request, configuration, keys, milliseconds, log) {
  const { headers, method, clientIp, querystring: query, origin: { custom: { customHeaders, path: before, protocol } } } = request;
  if (protocol !== 'https') fail(500, 'not https');
  const now = Math.floor(milliseconds / 1000);
  const path = before + request.uri;
  const target = query ? `${path}?${query}` : path;
  if (isBodiless(request) && announcesBody(headers)) fail(400, 'a body of a GET');
  const digest = contentDigest(request, configuration.body, log);
  const hosts = headers.host;
  if (hosts?.length !== 1 || !HOST.test(hosts[0].value)) fail(500, 'not one Host');
  if (!TOKEN.test(method)) fail(500, 'method');
  if (!TARGET.test(target)) fail(400, 'target');
  if (!isIP(clientIp)) fail(500, 'clientIp');
  const key = signingKey(keys, now);
  const authority = hosts[0].value.toLowerCase();
  const covered = digest
    ? '("@method" "@authority" "@path" "@query" "countersign-viewer-ip" "content-digest")'
    : '("@method" "@authority" "@path" "@query" "countersign-viewer-ip")';
  const parameters =
    `${covered};created=${now};expires=${now + configuration.lifetime};nonce="${nonce()}";alg="hmac-sha256";keyid="${key.kid}";tag="countersign"`;
  const base =
    `"@method": ${method}\n"@authority": ${authority.endsWith(':443') ? authority.slice(0, -4) : authority}\n"@path": ${path}\n` +
    `"@query": ?${query}\n"countersign-viewer-ip": ${clientIp}\n${digest ? `"content-digest": ${digest}\n` : ''}` +
    `"@signature-params": ${parameters}`;
  const signature = createHmac('sha256', key.key).update(base).digest('base64');

  clean(request, false, log);
  const set = (key, value) => { headers[key.toLowerCase()] = [{ key, value }]; };
  set('Countersign-Signature-Input', `countersign=${parameters}`);
  set('Countersign-Signature', `countersign=:${signature}:`);
  set('Countersign-Target', target);
  set('Countersign-Viewer-Ip', clientIp);
  if (digest) set('Content-Digest', digest);
  const bytes = method.length + target.length + 12 + bytesOf(headers) + bytesOf(customHeaders);
  if (bytes > HEAD_LIMIT) fail(431, 'the head is too large');
  return request;
}

const write = (id) => (name, more) => process.stdout.write(`${JSON.stringify({
  timestamp: new Date().toISOString(), level: 'WARN', event: name, ...more, x_amz_cf_id: id,
})}\n`);

/** `loadKeys(secret)` is asked when the keys in hand are older than their time to live. */
export function handlerWith(loadKeys) {
  const held = new Map();
  return async ({ Records: [{ cf: { config, request } }] }) => {
    const log = write(config.requestId);
    const { customHeaders } = request.origin.custom;
    const monitors = customHeaders['countersign-mode']?.[0].value === 'monitor';
    // A problem after the cleaning must leave the request as it came.
    const before = monitors ? structuredClone(request) : undefined;
    try {
      const settings = configuration(customHeaders);
      if (settings.secret === 'none') {
        clean(request, true, log);
        return request;
      }
      const now = Date.now();
      let keys = held.get(settings.secret);
      if (!keys || now - keys.read >= settings.ttl * 1000) {
        keys = { keys: readKeys(await loadKeys(settings.secret)), read: now };
        held.set(settings.secret, keys);
      }
      return sign(request, settings, keys.keys, now, log);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      log(monitors ? 'request-forwarded-unsigned' : 'request-answered-at-edge', { detail: error.message, status: error.status });
      if (!monitors) return { status: String(error.status), headers: {}, body: '{}' };
      clean(before, true, log);
      return before;
    }
  };
}
