// Checks that the edge function by hand does to requests what the real one does. Its arguments are the real function, and an event
// with its key in a file. After the lines of both logs it prints how many requests came out alike, and those that did not.
import { readFileSync } from 'node:fs';
import { handler as hand } from './signer-file.mjs';

const { handler: ours } = await import(process.argv[2]);
const text = readFileSync(process.argv[3], 'utf8');
const one = (key, ...values) => ({ [key.toLowerCase()]: values.map((value) => ({ key, value })) });
const body = (data, more) => (request) => {
  request.method = 'POST';
  request.body = { inputTruncated: false, action: 'read-only', encoding: 'base64', data, ...more };
};
const headers = (more) => (request) => Object.assign(request.headers, more);
const custom = (more) => (request) => Object.assign(request.origin.custom.customHeaders, more);
const foreign = { ...one('Signature-Input', 'bot=("@authority");tag="web-bot-auth"'), ...one('Signature', 'bot=:YQ==:') };
const digest = 'sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:';
const get = (request) => {
  request.method = 'GET';
  delete request.body;
  delete request.headers['content-length'];
};
const with_ = (...changes) => (request) => changes.forEach((change) => change(request));
const changes = {
  'as it is': () => {},
  'a GET': get,
  'no query': (request) => { request.querystring = ''; },
  'a HEAD': with_(get, (request) => { request.method = 'HEAD'; }),
  'a target that is not ASCII': (request) => { request.uri = '/caf\u00e9'; },
  'a viewer by IPv6': (request) => { request.clientIp = '2001:db8::1'; },
  'a viewer by a name': (request) => { request.clientIp = 'viewer'; },
  'a method with a space': (request) => { request.method = 'GE T'; },
  'forged headers': headers({ ...one('Countersign-Target', '/x'), ...one('countersign_viewer_ip', '1.2.3.4'), ...one('X-Http-Method', 'PUT') }),
  'a header that is a custom one too': headers(one('x-api-key', 'mine')),
  'a signature of the viewer': headers(foreign),
  'a body': body('e30='),
  'a body as text': body('{}', { encoding: 'text' }),
  'an empty body': body(''),
  'a body in an unknown encoding': body('e30=', { encoding: 'hex' }),
  'a body and its digest': with_(body('e30='), headers(one('Content-Digest', digest))),
  'a body and a digest that nobody knows': with_(body('e30='), headers(one('Content-Digest', 'md5=:YQ==:'))),
  'a body and a digest that is not one': with_(body('e30='), headers(one('Content-Digest', 'sha-256=x'))),
  'another body than its digest': with_(body('e30K'), headers(one('Content-Digest', digest))),
  'a body that is cut': body('e30=', { inputTruncated: true }),
  'a body that is cut, and must be whole': with_(body('e30=', { inputTruncated: true }), custom(one('countersign-body', 'require'))),
  'no body, and one must be there': with_(get, (request) => { request.method = 'POST'; }, custom(one('countersign-body', 'require'))),
  'a body that is ignored': with_(body('e30='), custom(one('countersign-body', 'ignore'))),
  'a body that is announced': with_(get, (request) => { request.method = 'PUT'; }, headers(one('Content-Length', '2'))),
  'a body that is announced, and must be there': with_(
    get, (request) => { request.method = 'PUT'; }, headers(one('Content-Length', '2')), custom(one('countersign-body', 'require')),
  ),
  'a body of a GET': with_(get, headers(one('Content_Length', '2'))),
  'a digest of a GET': with_(get, headers(one('Content-Digest', digest))),
  'two hosts': headers(one('Host', 'a', 'b')),
  'a host with its port': headers(one('Host', 'A.example:443')),
  'not https': (request) => { request.origin.custom.protocol = 'http'; },
  'too large': (request) => { request.querystring = `q=${'x'.repeat(7000)}`; headers(one('Cookie', 'c'.repeat(3000)))(request); },
  'a lifetime': custom(one('countersign-lifetime', '300')),
  'a lifetime that is too long': custom(one('countersign-lifetime', '301')),
  'a custom header that is not a setting': custom(one('countersign-mod', 'x')),
  'a custom header that announces a body': custom(one('Content-Length', '5')),
  'no secret': (request) => { delete request.origin.custom.customHeaders['countersign-secret']; },
  'a secret that is not a location': custom(one('countersign-secret', 'keys')),
  'an origin without keys': with_(custom(one('countersign-secret', 'none')), headers(one('Content-Digest', 'x'))),
  'a wrong request in monitor mode': with_(custom(one('countersign-mode', 'monitor')), headers(one('Host', 'a', 'b'))),
};
const shape = async (handler, change) => {
  const event = JSON.parse(text);
  change(event.Records[0].cf.request);
  const result = await handler(event);
  if (result.status) return String(result.status);
  const plain = JSON.stringify(result.headers, Object.keys(result.headers).sort().flatMap((name) => [name]).concat(['key', 'value']))
    .replace(/created=(\d+);expires=(\d+);nonce=\\"[^\\]{22}\\"/, (_, created, expires) => `lifetime=${expires - created}`)
    .replace(/countersign=:[^:]+:/, 'countersign=:…:');
  return plain + Object.keys(result.origin.custom.customHeaders).sort();
};
let right = 0;
const wrong = [];
for (const [name, change] of Object.entries(changes)) {
  const [a, b] = [await shape(ours, change), await shape(hand, change)];
  if (a === b) right++;
  else wrong.push(`${name}: ${a} by ours, ${b} by hand`);
}
console.log(JSON.stringify({ right, wrong }));
