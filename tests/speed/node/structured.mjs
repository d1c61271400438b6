// RFC 8941 as far as a signature's two fields need it, strictly, by sticky expressions: the fastest parser that people can read.

const KEY = /[a-z*][a-z0-9_\-.*]*/y;
const STRING = /"((?:[ !#-[\]-~]|\\["\\])*)"/y;
const BYTES = /:((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3}={0,2})?):/y;
const NUMBER = /-?(?:\d{1,12}\.\d{1,3}|\d{1,15})(?![\d.])/y;
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*/y;
const BOOLEAN = /\?[01]/y;

let text = '';
let at = 0;

const take = (expression) => {
  expression.lastIndex = at;
  const found = expression.exec(text);
  if (found) at = expression.lastIndex;
  return found;
};
const fail = () => { throw new SyntaxError(`at ${at}`); };
const spaces = () => { while (text.charCodeAt(at) === 32) at++; };
const blank = () => { for (let c = text.charCodeAt(at); c === 32 || c === 9; c = text.charCodeAt(++at)); };

function bareItem() {
  let found;
  switch (text.charCodeAt(at)) {
    case 34:
      return (found = take(STRING)) ? found[1] : fail();
    case 58:
      return take(BYTES) ? null : fail();
    case 63:
      return take(BOOLEAN) ? true : fail();
    default:
      if ((found = take(NUMBER))) return found[0].includes('.') ? null : Number(found[0]);
      return take(TOKEN) ? null : fail();
  }
}

/** An array of keys and values, or null where there is none. */
function parameters() {
  if (text.charCodeAt(at) !== 59) return null;
  const found = [];
  while (text.charCodeAt(at) === 59) {
    at++;
    spaces();
    const key = take(KEY) ?? fail();
    let value = true;
    if (text.charCodeAt(at) === 61) {
      at++;
      value = bareItem();
    }
    found.push(key[0], value);
  }
  return found;
}

function innerList() {
  if (text.charCodeAt(at) !== 40) fail();
  at++;
  const items = [];
  let plain = true;
  for (;;) {
    spaces();
    if (text.charCodeAt(at) === 41) break;
    const item = take(STRING) ?? fail();
    items.push(item[1]);
    if (parameters()) plain = false;
    const next = text.charCodeAt(at);
    if (next !== 32 && next !== 41) fail();
  }
  at++;
  return { items, plain, parameters: parameters() };
}

function byteSequence() {
  const found = take(BYTES) ?? fail();
  return { base64: found[1], parameters: parameters() };
}

/** Calls back for each member, with its key, its value and the text of its value. */
function dictionary(field, value, member) {
  text = field;
  at = 0;
  spaces();
  while (at < text.length) {
    const key = take(KEY) ?? fail();
    if (text.charCodeAt(at) !== 61) fail();
    const start = ++at;
    const parsed = value();
    member(key[0], parsed, text.slice(start, at));
    blank();
    if (at === text.length) return;
    if (text.charCodeAt(at) !== 44) fail();
    at++;
    blank();
    if (at === text.length) fail();
  }
}

export const innerLists = (field, member) => dictionary(field, innerList, member);
export const byteSequences = (field, member) => dictionary(field, byteSequence, member);
