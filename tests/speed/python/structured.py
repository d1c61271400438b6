"""RFC 8941 as far as a signature's two fields need it, strictly, by compiled expressions."""

import re

KEY = re.compile(r"[a-z*][a-z0-9_\-.*]*").match
STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"').match
BYTES = re.compile(r":((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3}={0,2})?):").match
NUMBER = re.compile(r"-?(?:\d{1,12}\.\d{1,3}|\d{1,15})(?![\d.])").match
TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*").match
BOOLEAN = re.compile(r"\?[01]").match
SPACES = re.compile(r" *").match
BLANK = re.compile(r"[ \t]*").match
# A whole parameter, in the forms that are common.
PARAMETER = re.compile(r'; *([a-z*][a-z0-9_\-.*]*)=(?:"((?:[ !#-\[\]-~]|\\["\\])*)"|(-?\d{1,15})(?![\d.]))').match
ITEM = re.compile(r' *"((?:[ !#-\[\]-~]|\\["\\])*)"(?=[ )])').match


def need(found):
    if found is None:
        raise SyntaxError
    return found


def bare_item(text, at):
    first = text[at:at + 1]
    if first == '"':
        found = need(STRING(text, at))
        return found[1], found.end()
    if first == ":":
        return None, need(BYTES(text, at)).end()
    if first == "?":
        return True, need(BOOLEAN(text, at)).end()
    found = NUMBER(text, at)
    if found:
        number = found[0]
        return (None if "." in number else int(number)), found.end()
    return None, need(TOKEN(text, at)).end()


def parameters(text, at):
    found = []
    while text[at:at + 1] == ";":
        quick = PARAMETER(text, at)
        if quick:
            key, string, number = quick.groups()
            found.append((key, string if number is None else int(number)))
            at = quick.end()
            continue
        key = need(KEY(text, SPACES(text, at + 1).end()))
        at = key.end()
        value = True
        if text[at:at + 1] == "=":
            value, at = bare_item(text, at + 1)
        found.append((key[0], value))
    return found, at


def inner_list(text, at):
    if text[at:at + 1] != "(":
        raise SyntaxError
    at += 1
    items = []
    plain = True
    while True:
        quick = ITEM(text, at)
        if quick:
            items.append(quick[1])
            at = quick.end()
            continue
        at = SPACES(text, at).end()
        if text[at:at + 1] == ")":
            break
        item = need(STRING(text, at))
        items.append(item[1])
        more, at = parameters(text, item.end())
        if more:
            plain = False
        if text[at:at + 1] not in (" ", ")"):
            raise SyntaxError
    found, at = parameters(text, at + 1)
    return (items, plain, found), at


def byte_sequence(text, at):
    found = need(BYTES(text, at))
    more, at = parameters(text, found.end())
    return (found[1], more), at


def dictionary(text, value):
    """The members: key, value, text of the value."""
    members = []
    at = SPACES(text, 0).end()
    end = len(text)
    while at < end:
        key = need(KEY(text, at))
        start = key.end() + 1
        if text[start - 1:start] != "=":
            raise SyntaxError
        parsed, at = value(text, start)
        members.append((key[0], parsed, text[start:at]))
        at = BLANK(text, at).end()
        if at == end:
            break
        if text[at] != ",":
            raise SyntaxError
        at = BLANK(text, at + 1).end()
        if at == end:
            raise SyntaxError
    return members
