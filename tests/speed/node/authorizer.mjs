// The authorizer as an expert of Node writes it by hand: the same seven rules, the same line of the log with its metrics, the same
// answer. Its events are those of REST APIs.

import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import { byteSequences, innerLists } from './structured.mjs';

// Loading node:net takes longer than a hundred signatures, so it waits for the first address of IPv6.
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const isIP = (text) => IPV4.test(text) || (!text.includes('%') && process.getBuiltinModule('node:net').isIPv6(text));
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TARGET = /^\/[\x21\x22\x24-\x7e]*$/;
const NONCE = /^[A-Za-z0-9_-]{21}[AQgw]$/;
const HOST = /^[A-Za-z0-9\-._~:[\]]+$/;
const KEY_ID = /^[A-Za-z0-9._-]{1,64}$/;
const FIELD = /^[\t\x20-\x7e]*$/;
const ESCAPE = /%(?![0-9A-Fa-f]{2})/;
const MAC = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;
const COMPONENTS = new Set(['@method', '@authority', '@path', '@query', 'countersign-viewer-ip', 'content-digest']);
const HOP = /^(?:countersign-.*|content-digest|host|content-length|transfer-encoding)$/;
const LOGGABLE = /^[A-Za-z0-9_=+/-]{1,128}$/;

/** What the functions are configured with unless somebody says otherwise. */
export const POLICY = { maxLifetime: 60, skew: 5, requireDigest: false, basePaths: [] };

class Refusal extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}
const refuse = (reason) => { throw new Refusal(reason); };

/** A JWK Set to keys by their ids. */
export function readKeys(text) {
  const keys = new Map();
  for (const { kty, alg, kid, k, nbf, exp } of JSON.parse(text).keys) {
    if (kty !== 'oct' || alg !== 'HS256' || keys.has(kid)) throw new Error('not a key set');
    keys.set(kid, { key: createSecretKey(Buffer.from(k, 'base64url')), nbf, exp });
  }
  return keys;
}

function decode(text) {
  if (!text.includes('%') && !text.includes('+')) return text;
  if (ESCAPE.test(text)) refuse('query-escape');
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return refuse('query-escape');
  }
}

/** Whether a query is, decoded, these values by their names. */
function sameQuery(query, shown) {
  const seen = new Map();
  for (const pair of query.split(/[&;]/)) {
    if (!pair) continue;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : decode(pair.slice(equals + 1));
    const values = seen.get(name);
    if (values) values.push(value);
    else seen.set(name, [value]);
  }
  let names = 0;
  for (const name in shown ?? {}) {
    names++;
    const values = seen.get(name);
    const others = shown[name];
    if (values?.length !== others.length) return false;
    for (let i = 0; i < values.length; i++) if (values[i] !== others[i]) return false;
  }
  return names === seen.size;
}

/** What follows a prefix of whole segments; undefined if the path is elsewhere. */
function below(path, prefix) {
  if (prefix && !path.startsWith(`/${prefix}`)) return undefined;
  const rest = prefix ? path.slice(prefix.length + 1) : path;
  return rest === '' ? '/' : rest[0] === '/' ? rest : undefined;
}

/** The mappings of custom domains, as the setting has them. */
export const readBasePaths = (text) => (text === '' ? [] : text.split(',').map((entry) => {
  const [, domain, key = '', api, stage, kept] = /^([^/=]+)(?:\/([^=]*))?=([^/]+)\/([^/]+)(\/.*)?$/.exec(entry);
  return { domain: domain.toLowerCase(), key, api, stage, keepsKey: kept !== undefined };
}));

/** The path that the API sees by the mapping of a listed domain; undefined if the domain is not listed. */
function belowBase({ domainName, apiId, stage }, path, basePaths) {
  if (basePaths.length === 0) return undefined;
  const domain = domainName.toLowerCase().replace(/:443$/, '');
  const listed = basePaths.filter((base) => base.domain === domain);
  if (listed.length === 0) return undefined;
  const leadsHere = (base) => base.api === apiId && base.stage === stage;
  if (!listed.some(leadsHere)) refuse('base-path');
  let longest;
  for (const base of listed) {
    if (below(path, base.key) !== undefined && !(longest?.key.length > base.key.length)) longest = base;
  }
  if (!longest || !leadsHere(longest)) refuse('path');
  return longest.keepsKey ? path : below(path, longest.key);
}

/** The path without the stage. */
function belowStage({ domainName, apiId, stage, apiPath }, path) {
  const rest = below(path, stage);
  const slashes = /^\/+/;
  const isOwn = () => domainName.toLowerCase().startsWith(`${apiId.toLowerCase()}.execute-api.`);
  return rest !== undefined && (rest.replace(slashes, '') === apiPath.replace(slashes, '') || isOwn()) ? rest : path;
}

function checkConnection(value) {
  for (const element of value.split(',')) {
    const option = element.replace(/^[ \t]+|[ \t]+$/g, '');
    if (option === '') continue;
    if (!TOKEN.test(option)) refuse('connection-malformed');
    if (HOP.test(option.toLowerCase().replaceAll('_', '-'))) refuse('connection-option');
  }
}

/** Rules 1 to 7 for `{ method, secondMethod, domainName, headers (multi-value), apiId, stage, path, apiPath, query, time }`. */
export function verify(received, keys, policy = POLICY) {
  // 1
  let input, signature, target, viewerIp, digest;
  let inputs = 0, signatures = 0, targets = 0, viewerIps = 0, digests = 0, hosts = 0, host, connections, override = false, body = false;
  const { headers } = received;
  for (const name in headers) {
    const values = headers[name];
    const lower = name.toLowerCase();
    const plain = lower.replaceAll('_', '-');
    // A name that only resembles one of ours counts, and has no value.
    const value = plain === lower ? values[0] : undefined;
    switch (plain) {
      case 'countersign-signature-input': inputs += values.length; input = value; break;
      case 'countersign-signature': signatures += values.length; signature = value; break;
      case 'countersign-target': targets += values.length; target = value; break;
      case 'countersign-viewer-ip': viewerIps += values.length; viewerIp = value; break;
      case 'content-digest': digests += values.length; digest = value; break;
      case 'host': hosts += values.length; host = value; break;
      case 'connection': connections = connections ? [...connections, ...values] : values; break;
      case 'transfer-encoding': body = true; break;
      case 'content-length': body ||= values.some((value) => value !== '0'); break;
      case 'x-http-method-override': case 'x-http-method': case 'x-method-override': override = true; break;
    }
  }
  if (inputs !== 1 || signatures !== 1 || targets !== 1 || viewerIps !== 1) {
    refuse(inputs > 1 || signatures > 1 || targets > 1 || viewerIps > 1 ? 'header-repeated' : 'header-missing');
  }
  if (input === undefined || signature === undefined || target === undefined || viewerIp === undefined) refuse('header-missing');
  let signed, text, mac;
  try {
    innerLists(input, (key, value, valueText) => {
      if (key !== 'countersign' || signed) refuse('label');
      signed = value;
      text = valueText;
    });
    byteSequences(signature, (key, value) => {
      if (key !== 'countersign' || mac) refuse('label');
      mac = value;
    });
  } catch (error) {
    if (error instanceof SyntaxError) refuse('header-unparsable');
    throw error;
  }
  if (!signed || !mac) refuse('label-missing');
  if (override) refuse('method-override');
  if (connections) connections.forEach(checkConnection);
  const { method } = received;
  const bodiless = method === 'GET' || method === 'HEAD';
  if (body && bodiless) refuse('body');

  // 2
  const { items } = signed;
  if (!signed.plain) refuse('component-parameters');
  const covered = new Set(items);
  if (covered.size !== items.length) refuse('component-repeated');
  for (const item of items) if (!COMPONENTS.has(item)) refuse('component-unknown');
  if (digests > 1) refuse('header-repeated');
  if (covered.size !== (digests ? 6 : 5) || covered.has('content-digest') !== (digests === 1)) refuse('component-missing');
  if (policy.requireDigest && !bodiless && !digests) refuse('digest-required');
  if (digests) {
    if (digest === undefined) refuse('digest-absent');
    digest = digest.replace(/^[ \t]+|[ \t]+$/g, '');
    if (!FIELD.test(digest)) refuse('digest-malformed');
  }
  if (!isIP(viewerIp)) refuse('viewer-ip');

  // 3
  let created, expires, nonce, alg, keyid, tag;
  let count = 0;
  const { parameters } = signed;
  for (let i = 0; parameters && i < parameters.length; i += 2) {
    const value = parameters[i + 1];
    count++;
    let before;
    switch (parameters[i]) {
      case 'created': before = created; created = value; break;
      case 'expires': before = expires; expires = value; break;
      case 'nonce': before = nonce; nonce = value; break;
      case 'alg': before = alg; alg = value; break;
      case 'keyid': before = keyid; keyid = value; break;
      case 'tag': before = tag; tag = value; break;
      default: refuse('parameter-unknown');
    }
    if (before !== undefined) refuse('parameter-repeated');
  }
  if (count !== 6) refuse('parameter-missing');
  if (typeof created !== 'number' || typeof expires !== 'number' || created < 0 || typeof keyid !== 'string') refuse('parameter-type');
  if (typeof nonce !== 'string' || !NONCE.test(nonce) || !KEY_ID.test(keyid)) refuse('parameter-type');
  if (alg !== 'hmac-sha256') refuse('algorithm');
  if (tag !== 'countersign') refuse('tag');
  if (mac.parameters) refuse('signature-parameters');

  // 4
  if (created >= expires || expires - created > policy.maxLifetime) refuse('lifetime');
  const now = received.time;
  if (!Number.isSafeInteger(now)) refuse('request-time');
  if (created > now + policy.skew) refuse('future');
  if (now >= expires + policy.skew) refuse('expired');

  // 5
  const domain = received.domainName.toLowerCase();
  if (hosts !== 1 || host.toLowerCase() !== domain || !HOST.test(domain)) refuse('host');
  const authority = domain.endsWith(':443') ? domain.slice(0, -4) : domain;
  if (received.secondMethod !== undefined && received.secondMethod !== method) refuse('method');
  if (!TOKEN.test(method)) refuse('method');
  if (!TARGET.test(target)) refuse('target');
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  const query = question < 0 ? '' : target.slice(question + 1);
  if (question >= 0 && !query) refuse('target');
  let wirePath = path;
  if (path !== received.path) {
    // A REST API removes one of exactly two leading slashes.
    wirePath = path.slice(1);
    if (wirePath !== received.path || wirePath[0] !== '/' || wirePath[1] === '/') refuse('path');
  }
  const underBase = belowBase(received, wirePath, policy.basePaths);
  if (!sameQuery(query, received.query)) refuse('query');

  // 6
  const key = keys.get(keyid);
  if (!key) refuse('key-unknown');
  if (created < key.nbf) refuse('key-not-yet-valid');
  if (now >= key.exp) refuse('key-expired');

  // 7
  if (!MAC.test(mac.base64)) refuse('signature');
  let base = '';
  for (const item of items) {
    switch (item) {
      case '@method': base += `"@method": ${method}\n`; break;
      case '@authority': base += `"@authority": ${authority}\n`; break;
      case '@path': base += `"@path": ${path}\n`; break;
      case '@query': base += `"@query": ?${query}\n`; break;
      case 'countersign-viewer-ip': base += `"countersign-viewer-ip": ${viewerIp}\n`; break;
      default: base += `"content-digest": ${digest}\n`;
    }
  }
  base += `"@signature-params": ${text}`;
  const expected = createHmac('sha256', key.key).update(base).digest();
  if (!timingSafeEqual(expected, Buffer.from(mac.base64, 'base64'))) refuse('signature');
  return { keyid, viewerIp, target, digest, path: underBase ?? belowStage(received, wirePath) };
}

/** The part of an event that the rules are about. */
export function receivedOf(event) {
  const context = event.requestContext;
  return {
    method: context.httpMethod,
    secondMethod: event.httpMethod,
    domainName: context.domainName,
    headers: event.multiValueHeaders,
    apiId: context.apiId,
    stage: context.stage,
    path: context.path,
    apiPath: event.path,
    query: event.multiValueQueryStringParameters,
    time: Math.floor(context.requestTimeEpoch / 1000),
  };
}

const NAME = process.env.AWS_LAMBDA_FUNCTION_NAME ?? 'authorizer';
const ALLOWED = [{
  Namespace: 'Countersign',
  Dimensions: [['FunctionName']],
  Metrics: [{ Name: 'Allowed', Unit: 'Count' }, { Name: 'KeySetAge', Unit: 'Seconds' }],
}];
const REFUSED = [{
  Namespace: 'Countersign',
  Dimensions: [['FunctionName'], ['FunctionName', 'Reason']],
  Metrics: [{ Name: 'Refused', Unit: 'Count' }],
}];
const WILD = /[*?$]/;

function answer(effect, methodArn, context) {
  const parts = methodArn.split('/', 3);
  if (parts.length < 3 || !methodArn.startsWith('arn:')) throw new Error('the methodArn of the event is not an ARN');
  const resource = methodArn.length <= 512 && !WILD.test(methodArn) ? methodArn : `${parts.join('/')}/*`;
  return {
    principalId: 'countersign',
    policyDocument: { Version: '2012-10-17', Statement: [{ Action: 'execute-api:Invoke', Effect: effect, Resource: resource }] },
    context,
  };
}

/** CloudFront's id of the request, if it has the form of one. */
function cloudfrontId(headers) {
  for (const name in headers) {
    if (name.length === 11 && name.toLowerCase() === 'x-amz-cf-id') return LOGGABLE.test(headers[name][0]) ? headers[name][0] : undefined;
  }
  return undefined;
}

/** The answer for an event; `log` gets one line. `held` is `{ keys, read }`. */
export function authorize(event, held, log) {
  if (event.type !== 'REQUEST' || event.version !== undefined) throw new Error('the event is not that of a REST API');
  const now = Date.now();
  const method = event.requestContext.httpMethod;
  const request_id = event.requestContext.requestId;
  const x_amz_cf_id = cloudfrontId(event.multiValueHeaders);
  const timestamp = new Date(now).toISOString();
  try {
    const { keyid, viewerIp, target, digest, path } = verify(receivedOf(event), held.keys);
    const key_set_age = Math.floor((now - held.read) / 1000);
    const admitted = answer('Allow', event.methodArn, {
      countersign: 'verified', countersignPath: path, countersignTarget: target, countersignKeyId: keyid,
      countersignBodyDigest: digest, countersignViewerIp: viewerIp, viewerIp,
    });
    log(`${JSON.stringify({
      timestamp, level: 'INFO', event: 'request-admitted', key_id: keyid, key_set_age, method, request_id, x_amz_cf_id,
      _aws: { Timestamp: now, CloudWatchMetrics: ALLOWED }, FunctionName: NAME, Allowed: 1, KeySetAge: key_set_age,
    })}\n`);
    return admitted;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { reason } = error;
    log(`${JSON.stringify({
      timestamp, level: 'WARN', event: 'request-refused', reason, method, request_id, x_amz_cf_id,
      gateway_source_ip: event.requestContext.identity?.sourceIp, _aws: { Timestamp: now, CloudWatchMetrics: REFUSED },
      FunctionName: NAME, Reason: reason, Refused: 1,
    })}\n`);
    return answer('Deny', event.methodArn, {});
  }
}
