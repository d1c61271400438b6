#!/usr/bin/env python3
"""Makes the test vectors of Countersign's wire format: signed requests, each with the verdict a verifier has to reach.

    python3 make.py            writes the *.json beside this file
    python3 make.py --check    writes nothing; fails where they are not, byte for byte, what this file makes

It is a second implementation of the signer, written from RFC 9421 and the rules of acceptance and sharing nothing with
the Rust one, so that an error would have to be made twice to stay unseen. It needs Python 3.11 and nothing else. It has
no verifier: each verdict is written by hand, and so is what the gateway shows of a query.

How a request is signed, to be read from `Signer` down:

1. `signature_params`: what is covered and under which parameters, as it will stand in Countersign-Signature-Input behind its label:
   `("@method" "@authority" "@path" "@query" "countersign-viewer-ip");created=…;expires=…;nonce=…;alg=…;keyid=…;tag=…`
2. `base`: a line `"name": value` for each covered component, in the order of that list, then, without a line feed
   behind it, `"@signature-params": ` and the text of step 1.
3. `mac`: HMAC-SHA-256 of the base under the key that `keyid` names.
4. `headers`: the two fields `Countersign-Signature-Input: countersign=…` and `Countersign-Signature: countersign=:base64:`,
   the exact target in `Countersign-Target`, the viewer's address in `Countersign-Viewer-Ip`, and `Content-Digest` where there
   is one. `Signature-Input` and `Signature` are a viewer's own and mean nothing here.

A case that is to be refused is signed, wherever that is possible, by the right key over the very request that arrives:
the rule it is about is then all that stands in its way. Cases of rule 7 are the other way round: all is well but the
signature.

EVERY SECRET IN HERE IS MADE UP, PUBLIC AND FOR TESTS ONLY.
"""

import base64
import dataclasses
import hashlib
import hmac
import json
import pathlib
import sys

HOST = "abc123.execute-api.eu-west-1.amazonaws.com"
API_ID = "abc123"
STAGE = "prod"
CREATED = 1795341845
EXPIRES = CREATED + 60
NOW = CREATED + 10
NONCE = '"AAECAwQFBgcICQoLDA0ODw"'  # the bytes 0 to 15
BODY = b'{"name":"Rex"}'
INPUT = "Countersign-Signature-Input"
SIGNATURE = "Countersign-Signature"


def base64_text(data):
    return base64.b64encode(data).decode()


def digest(body, *algorithms):
    """A Content-Digest field (RFC 9530)."""
    functions = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
    return ", ".join(f"{name}=:{base64_text(functions[name](body).digest())}:" for name in algorithms)


SHA_256 = digest(BODY, "sha-256")


# Signing


@dataclasses.dataclass(frozen=True)
class Key:
    """A made-up key: its secret is `count` bytes that rise from `first`."""

    kid: str
    first: int = 0
    count: int = 32
    nbf: int = CREATED - 3600
    exp: int = CREATED + 3600

    @property
    def secret(self):
        return bytes(range(self.first, self.first + self.count))

    def jwk(self):
        k = base64.urlsafe_b64encode(self.secret).decode().rstrip("=")
        return {"kty": "oct", "alg": "HS256", "kid": self.kid, "k": k, "nbf": self.nbf, "exp": self.exp}


A = Key("test-only-a")
B = Key("test-only-b", first=100)


def parameters(*more, **instead):
    """The parameters of a signature, each with the text of its value; `None` leaves one out, "" stands for no value."""
    known = {
        "created": str(CREATED),
        "expires": str(EXPIRES),
        "nonce": NONCE,
        "alg": '"hmac-sha256"',
        "keyid": f'"{A.kid}"',
        "tag": '"countersign"',
    }
    return tuple((name, text) for name, text in (known | instead).items() if text is not None) + more


COVERED = ('"@method"', '"@authority"', '"@path"', '"@query"', '"countersign-viewer-ip"')
WITH_DIGEST = (*COVERED, '"content-digest"')


@dataclasses.dataclass(frozen=True)
class Signer:
    """A request and how it is signed: the profile, where a case says nothing else."""

    method: str = "GET"
    authority: str = HOST
    target: str = "/prod/pets?type=dog&page=2"
    viewer_ip: str = "203.0.113.7"
    content_digest: str | None = None
    covered: tuple[str, ...] | None = None
    parameters: tuple[tuple[str, str], ...] = parameters()
    key: Key = A
    # Values of components that the profile does not know.
    foreign_values: dict[str, str] = dataclasses.field(default_factory=dict)
    # The text of the signature parameters, where it is not the one that RFC 8941 would write.
    text: str | None = None

    def values(self):
        path, _, query = self.target.partition("?")
        return {
            '"@method"': self.method,
            '"@authority"': self.authority.lower(),  # RFC 9421, section 2.2.3
            '"@path"': path,
            '"@query"': "?" + query,  # a lone ? where there is none: RFC 9421, section 2.2.7
            '"countersign-viewer-ip"': self.viewer_ip,
            # RFC 9421, section 2.1: without the whitespace around it.
            '"content-digest"': (self.content_digest or "").strip(" \t"),
        } | self.foreign_values

    def covers(self):
        if self.covered is not None:
            return self.covered
        return COVERED if self.content_digest is None else WITH_DIGEST

    def signature_params(self):
        if self.text is not None:
            return self.text
        parts = (f";{name}={text}" if text else f";{name}" for name, text in self.parameters)
        return f"({' '.join(self.covers())})" + "".join(parts)

    def base(self):
        return signature_base([(name, self.values()[name]) for name in self.covers()], self.signature_params())

    def mac(self):
        return hmac_sha256(self.key.secret, self.base())

    def headers(self):
        fields = [
            ["Host", self.authority],
            [INPUT, "countersign=" + self.signature_params()],
            [SIGNATURE, f"countersign=:{base64_text(self.mac())}:"],
            ["Countersign-Target", self.target],
            ["Countersign-Viewer-Ip", self.viewer_ip],
        ]
        return fields + ([] if self.content_digest is None else [["Content-Digest", self.content_digest]])


def signature_base(lines, signature_params):
    """RFC 9421, section 2.5."""
    return "".join(f"{name}: {value}\n" for name, value in lines) + f'"@signature-params": {signature_params}'


def hmac_sha256(secret, base):
    """RFC 9421, section 3.3.3."""
    return hmac.new(secret, base.encode(), hashlib.sha256).digest()


def assert_example_of_the_rfc():
    """RFC 9421, appendix B.2.5, whose key is `test-shared-secret` of appendix B.1.5."""
    secret = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    lines = [
        ('"date"', "Tue, 20 Apr 2021 02:07:55 GMT"),
        ('"@authority"', "example.com"),
        ('"content-type"', "application/json"),
    ]
    signature_params = '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
    mac = hmac_sha256(base64.b64decode(secret), signature_base(lines, signature_params))
    assert base64_text(mac) == "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=", "not the signature of the RFC"


# Cases

FROM_SIGNER = object()


def case(
    name,
    verdict,
    signer=Signer(),
    *edits,
    query=FROM_SIGNER,
    path=FROM_SIGNER,
    method=FROM_SIGNER,
    second_method=FROM_SIGNER,
    domain_name=HOST,
    api_id=API_ID,
    stage=STAGE,
    api_path=FROM_SIGNER,
    time=NOW,
    max_lifetime=60,
    skew=5,
    keys=(A,),
    http=None,
    http_v1=None,
    websocket=None,
    shows_repeats=True,
    allow_ambiguous_path=False,
    require_digest=False,
    base_paths="",
    verified_path=None,
):
    """A request as the gateway shows it: what the signer sent, after `edits` of its headers and the rest.

    Where `http` is given it is an HTTP API that shows it: the path decoded, and the query as it is; where `http_v1` is given, an
    HTTP API with payload format 1.0: path and query decoded; where `websocket` is given, a WebSocket API: the query decoded.
    `verified_path` is the signed path without stage and base path, which an admitted request hands on.
    """
    headers = signer.headers()
    for edit in edits:
        headers = edit(headers)
    if http is not None:
        headers, path, query, second_method = joined(headers), None, None, None
    if http_v1 is not None or websocket is not None:
        path, query = None, None
    if websocket is not None:
        second_method = None
    is_rest = http is None and http_v1 is None and websocket is None
    if method is FROM_SIGNER:
        method = signer.method
    if second_method is FROM_SIGNER:
        second_method = method
    if path is FROM_SIGNER:
        path = signer.target.partition("?")[0]
    if query is FROM_SIGNER:
        if signer.target == Signer.target:
            query = {"type": ["dog"], "page": ["2"]}
        else:
            assert "?" not in signer.target, f"{name}: write down how the gateway shows this query"
            query = {}
    if api_path is FROM_SIGNER and is_rest:
        api_path = "/" + path.removeprefix(f"/{stage}").lstrip("/")
    received = {
        "method": method,
        "second_method": second_method,
        "domain_name": domain_name,
        "api_id": api_id,
        "stage": stage,
        "headers": headers,
        "rest": {"path": path, "api_path": api_path, "query": query} if is_rest else None,
        "http": {"path": http[0], "query": http[1]} if http is not None else None,
        "http_v1": http_v1,
        "websocket": None if websocket is None else {"query": websocket, "shows_repeats": shows_repeats},
        "time": time,
    }
    policy = {
        "max_lifetime": max_lifetime,
        "skew": skew,
        "allow_ambiguous_path": allow_ambiguous_path,
        "require_digest": require_digest,
        "base_paths": base_paths,
    }
    assert verified_path is None or verdict == ADMITTED, name
    return {
        "name": name,
        "received": {member: value for member, value in received.items() if value is not None},
        "policy": policy,
        "keys": {"keys": [key.jwk() for key in keys]},
        "verdict": verdict,
    } | ({} if verified_path is None else {"verified_path": verified_path})


def joined(headers):
    """Headers as HTTP APIs show them: names in lower case, the values of one name joined with a comma alone."""
    values = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(value)
    return [[name, ",".join(all)] for name, all in values.items()]


def add(name, value):
    return lambda headers: [*headers, [name, value]]


def drop(name):
    return lambda headers: [field for field in headers if field[0] != name]


def put(name, value):
    """Another value, or a function of the value, for a header that is there."""

    def edit(headers):
        assert any(field[0] == name for field in headers), name
        new = value if callable(value) else lambda _: value
        return [[field[0], new(field[1])] if field[0] == name else field for field in headers]

    return edit


def swap(name, old, new):
    def change(value):
        assert value.count(old) == 1, f"{old!r} in {value!r}"
        return value.replace(old, new)

    return put(name, change)


def rename(change):
    return lambda headers: [[change(name), value] for name, value in headers]


def wrap(name, before="", after=""):
    return put(name, lambda value: before + value + after)


def send_mac(mac):
    """Another signature than the signer's: bytes, or the text between the colons."""
    return put(SIGNATURE, f"countersign=:{mac if isinstance(mac, str) else base64_text(mac)}:")


POST = Signer(method="POST", target="/prod/pets", content_digest=SHA_256)
PETS = Signer(target="/prod/pets")
ADMITTED = "admitted"

FOREIGN_INPUT = 'bot=("@authority" "signature-agent";key="b");created=1;keyid="k";tag="web-bot-auth"'
FOREIGN_SIGNATURE = "bot=:Zm9yZWlnbg==:"

# What viewers send in `Signature` and its kin for the API behind, in forms that are RFC 9421's and in others.
OF_VIEWERS = {
    "Web Bot Auth": [("Signature-Agent", '"https://bot.example"'), ("Signature-Input", FOREIGN_INPUT), ("Signature", FOREIGN_SIGNATURE)],
    "a web hook": [("Signature", "d2a84f4b8b650937ec8f73cd8be2c74add5a911ba64df27458ed8229da804a26")],
    "the fediverse": [
        ("Date", "Sun, 22 Nov 2026 06:04:05 GMT"),
        ("Digest", "SHA-256=RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg="),
        ("Signature", 'keyId="https://social.example/u#main-key",headers="(request-target) host date digest",signature="Zm9yZWlnbg=="'),
    ],
    "a signature labelled and tagged like ours": [
        ("Signature-Input", 'countersign=("@method");tag="countersign"'),
        ("Signature", "countersign=:YQ==:"),
    ],
    "Signature twice, neither of which parses": [("Signature", "=:"), ("SIGNATURE", ",")],
}


def accept():
    """Requests that are admitted: what the edge sends, and what an honest signer of another make might."""
    yield case("a GET with a query, of the greatest lifetime", ADMITTED)
    yield case("a GET without a query is signed with a lone question mark", ADMITTED, PETS)
    yield case("a POST with the digest of its body", ADMITTED, POST, add("Content-Length", "14"))
    yield case("a POST whose body the edge did not see", ADMITTED, Signer(method="POST", target="/prod/pets"))
    yield case("a POST with a digest, where every body needs one", ADMITTED, POST, require_digest=True)
    for method in ("GET", "HEAD"):
        yield case(f"a {method} without a digest, where every body needs one", ADMITTED, Signer(method=method), require_digest=True)
    for value in ("close", "keep-alive, Upgrade", ",, close ,", "x-hop"):
        yield case(f"Connection: {value}", ADMITTED, POST, add("Connection", value))
    for method in ("HEAD", "DELETE", "M-SEARCH"):
        yield case(f"method {method}", ADMITTED, Signer(method=method))
    yield case("a GET of length 0", ADMITTED, Signer(), add("content-length", "0"))
    yield case("the event names the method once", ADMITTED, second_method=None)

    for title, value in {
        "sha-512": digest(BODY, "sha-512"),
        "sha-256 and sha-512": digest(BODY, "sha-256", "sha-512"),
        "sha-256 of the empty body": digest(b"", "sha-256"),
        "whitespace around the field": f" \t{SHA_256} ",
    }.items():
        yield case(f"Content-Digest: {title}", ADMITTED, dataclasses.replace(POST, content_digest=value))

    yield case("components in reverse", ADMITTED, Signer(covered=COVERED[::-1]))
    yield case("the digest covered first", ADMITTED, dataclasses.replace(POST, covered=WITH_DIGEST[::-1]))
    yield case("parameters in reverse", ADMITTED, Signer(parameters=parameters()[::-1]))
    spaced = Signer().signature_params().replace("(", "( ").replace('" "', '"  "').replace(");", " );  ")
    yield case("spaces in the parameters, signed as they are sent", ADMITTED, Signer(text=spaced))
    yield case("a nonce of - and _", ADMITTED, Signer(parameters=parameters(nonce='"-_-_-_-_-_-_-_-_-_-_-w"')))

    yield case("header names in upper case", ADMITTED, POST, rename(str.upper))
    yield case("header names in lower case", ADMITTED, POST, rename(str.lower))
    yield case("the host in upper case is signed in lower case", ADMITTED, Signer(authority=HOST.upper()))
    yield case("the gateway's name in upper case", ADMITTED, domain_name=HOST.upper())
    domain = "api.example.com"
    yield case("a custom domain", ADMITTED, Signer(authority=domain), domain_name=domain)
    for path, handed_on in (("/prod/pets", "/pets"), ("/prod", "/"), ("/prod/prod/a%2Fb", "/prod/a%2Fb")):
        yield case(f"the stage is no part of what is handed on: {path}", ADMITTED, Signer(target=path), verified_path=handed_on)
    yield case("a base path that is not listed is handed on", ADMITTED, Signer(authority=domain, target="/v1/pets"), domain_name=domain, api_path="/v1/pets", verified_path="/v1/pets")
    listed = f"other.example=def456/prod,API.example.com/v1={API_ID}/prod,{domain}/v1/beta=def456/prod"
    yield case("a listed base path is not handed on", ADMITTED, Signer(authority=domain, target="/v1/pets"), domain_name=domain, api_path="/v1/pets", base_paths=listed, verified_path="/pets")
    yield case("a listed base path alone", ADMITTED, Signer(authority=domain, target="/v1"), domain_name=domain, api_path="/v1", base_paths=listed, verified_path="/")
    yield case("headers that nothing covers", ADMITTED, Signer(), add("Accept", "*/*"), add("X-Forwarded-For", "::1"))

    for title, fields in OF_VIEWERS.items():
        edits = [add(name, value) for name, value in fields]
        yield case(f"beside ours: {title}", ADMITTED, Signer(), *edits)
        yield case(f"before ours, at an HTTP API: {title}", ADMITTED, PETS, lambda all, fields=fields: [list(f) for f in fields] + all, http=("/prod/pets", ""))
    yield case(
        "spaces around both fields",
        ADMITTED,
        Signer(),
        wrap(INPUT, "  ", " \t"),
        wrap(SIGNATURE, "  ", " \t"),
    )

    for query, shown in {
        "a+name=b%20c;d=+": {"a name": ["b c"], "d": [" "]},
        "sum=1%2B1%3D2%26%3b": {"sum": ["1+1=2&;"]},
        "id=2&x=0&id=1;id=2": {"id": ["2", "1", "2"], "x": ["0"]},
        "empty=": {"empty": [""]},
        "flag": {"flag": [""]},
        "a==b": {"a": ["=b"]},
        "&a=1&&b=2&": {"a": ["1"], "b": ["2"]},
        "?": {"?": [""]},
        "%C3%A9=%e2%82%ac": {"é": ["€"]},
        "%61=%2541": {"a": ["%41"]},
        'raw="<>\\^`{|}': {"raw": ['"<>\\^`{|}']},
    }.items():
        yield case(f"query {query}", ADMITTED, Signer(target=f"/prod/pets?{query}"), query=shown)
    for path in ("/", "/prod/a%2Fb", "//prod//a/", "/prod/a+b;c=d", "/prod/%zz", "/prod/../a"):
        yield case(f"path {path}", ADMITTED, Signer(target=path))
    yield case("path //prod//a/, of which one slash is removed", ADMITTED, Signer(target="//prod//a/"), path="/prod//a/", verified_path="//a/")
    for address in ("2001:db8::7", "2001:DB8:0:0:0:0:0:7", "::ffff:203.0.113.7"):
        yield case(f"viewer {address}", ADMITTED, Signer(viewer_ip=address))

    shortest = Signer(parameters=parameters(expires=str(CREATED + 1)))
    yield case("a lifetime of one second", ADMITTED, shortest, time=CREATED)
    longest = Signer(parameters=parameters(expires=str(CREATED + 300)))
    yield case("a longer maximum", ADMITTED, longest, max_lifetime=300, time=CREATED + 304)
    yield case("as far ahead as clocks may differ", ADMITTED, time=CREATED - 5)
    yield case("the last second", ADMITTED, time=EXPIRES + 4)
    yield case("the first second where clocks agree", ADMITTED, skew=0, time=CREATED)
    yield case("the last second where clocks agree", ADMITTED, skew=0, time=EXPIRES - 1)

    by_b = Signer(key=B, parameters=parameters(keyid=f'"{B.kid}"'))
    yield case("one of several keys", ADMITTED, by_b, keys=(A, B, Key("test-only-c", first=200)))
    twin = dataclasses.replace(A, kid="test-only-twin")
    yield case("two keys with one secret", ADMITTED, keys=(twin, A))
    yield case("signed in the second in which the key begins", ADMITTED, keys=(dataclasses.replace(A, nbf=CREATED),))
    yield case("received in the key's last second", ADMITTED, keys=(dataclasses.replace(A, exp=NOW + 1),))
    for title, key in {
        "a secret of 64 bytes": Key("test-only-64", count=64),
        "a key id of 64 characters": Key("test-only.K_" + "9" * 52),
    }.items():
        yield case(title, ADMITTED, Signer(key=key, parameters=parameters(keyid=f'"{key.kid}"')), keys=(key,))


def rule_1():
    """Rule 1: one value each of four headers, whose names are exact but for case; two dictionaries that parse, each with the
    member `countersign` alone; nothing that makes the request another one behind the gateway."""
    ours = (INPUT, SIGNATURE, "Countersign-Target", "Countersign-Viewer-Ip")
    values = dict(Signer().headers())
    for name in ours:
        yield case(f"{name} is missing", "header-missing", Signer(), drop(name))
        yield case(f"{name} twice, alike", "header-repeated", Signer(), add(name, values[name]))
        folded = name.replace("-", "_")
        yield case(f"{folded} for {name}", "header-missing", Signer(), rename(lambda other, name=name, folded=folded: folded if other == name else other))
        yield case(f"{folded} beside {name}", "header-repeated", Signer(), add(folded, ""))
    yield case("the signature twice, one in upper case and empty", "header-repeated", Signer(), add(SIGNATURE.upper(), ""))
    standard = {INPUT: "Signature-Input", SIGNATURE: "Signature"}
    yield case("ours under the names of RFC 9421", "header-missing", Signer(), rename(lambda name: standard.get(name, name)))
    yield case("an unsigned request", "header-missing", Signer(), *map(drop, ours))

    for title, edit in {
        "a comma at the end": wrap(INPUT, after=","),
        "the label in upper case": swap(INPUT, "countersign=(", "Countersign=("),
        "a foreign label that is no key": wrap(INPUT, before="1=(), "),
        "a foreign member that is no list": wrap(INPUT, before="a=1, "),
        "a component that is a token": swap(INPUT, '"@path"', "path"),
        "components without a space between them": swap(INPUT, '"@path" ', '"@path"'),
        "a line feed behind it": wrap(INPUT, after="\n"),
    }.items():
        yield case(f"Signature-Input: {title}", "header-unparsable", Signer(), edit)
    for title, replaced in {
        "an integer of 16 digits": {"created": "1795341845000000"},
        "a line feed in a string": {"nonce": '"AAECAwQFBgcICQoLDA0ODw\n\\"@path\\": /"'},
        "a letter that is not ASCII": {"tag": '"countersïgn"'},
    }.items():
        signer = Signer(parameters=parameters(**replaced))
        yield case(f"Signature-Input, signed: {title}", "header-unparsable", signer)
    for title, edit in {
        "no colons": put(SIGNATURE, lambda value: value.replace(":", "")),
        "the alphabet of base64url": put(SIGNATURE, f"countersign=:{'-_' * 21}8=:"),
        # What does not decode does not parse: RFC 9651, section 4.2.7, which says what RFC 8941 left to be understood.
        "of a length that base64 does not have": put(SIGNATURE, "countersign=:A:"),
        "a foreign member of a length that base64 does not have": wrap(SIGNATURE, after=", a=:A:"),
        "a foreign member that is no byte sequence": wrap(SIGNATURE, after=", a=1"),
        "a line feed behind it": wrap(SIGNATURE, after="\n"),
    }.items():
        yield case(f"Signature: {title}", "header-unparsable", Signer(), edit)

    for title, edits in {
        "Signature-Input is empty": [put(INPUT, "")],
        "the label in Signature only": [put(INPUT, FOREIGN_INPUT)],
        "the label in Signature-Input only": [put(SIGNATURE, FOREIGN_SIGNATURE)],
        "a foreign label in both": [put(INPUT, FOREIGN_INPUT), put(SIGNATURE, FOREIGN_SIGNATURE)],
        "another label, all else right": [
            swap(INPUT, "countersign=(", "sig1=("),
            swap(SIGNATURE, "countersign=", "sig1="),
        ],
    }.items():
        yield case(title, "label-missing", Signer(), *edits)
    for title, edits in {
        "the label twice in both, alike": [
            put(INPUT, lambda value: f"{value}, {value}"),
            put(SIGNATURE, lambda value: f"{value}, {value}"),
        ],
        "the label twice in Signature-Input, the right one last": [wrap(INPUT, before="countersign=(), ")],
        "the label twice in Signature, the right one first": [wrap(SIGNATURE, after=", countersign=:YQ==:")],
    }.items():
        yield case(title, "label-repeated", Signer(), *edits)
    both = (INPUT, FOREIGN_INPUT), (SIGNATURE, FOREIGN_SIGNATURE)
    before = [wrap(name, before=f"{value}, ") for name, value in both]
    after = [wrap(name, after=f" ,\t{value}") for name, value in both]
    for title, edits in {
        "a foreign member before ours": before,
        "a foreign member behind ours": after,
        "a foreign member in the input alone": after[:1],
        "a foreign member in the signature alone": before[1:],
        "a foreign member that stands twice": [*before, *after],
        "the signature is right under a foreign label": [
            before[0],
            put(SIGNATURE, lambda value: f"bot={value.partition('=')[2]}, countersign=:Zm9yZWlnbg==:"),
        ],
    }.items():
        yield case(title, "label-unknown", Signer(), *edits)

    for name in ("X-HTTP-Method-Override", "x-http-method", "X-METHOD-OVERRIDE"):
        yield case(f"a POST with {name}", "method-override", POST, add(name, "DELETE"))
    same = add("X-Http-Method-Override", "GET")
    yield case("a method override that changes nothing", "method-override", Signer(), same)

    for name in ("Content-Digest", "countersign-target", "COUNTERSIGN_SIGNATURE", "countersign_signature-input", "Countersign-Viewer-Ip", "countersign-other", "host", "Content_Length", "transfer-encoding"):
        yield case(f"Connection: {name}", "connection-option", POST, add("Connection", name))
    listed = (add("Connection", "close"), add("CONNECTION", ", keep-alive,, content_digest"))
    yield case("Connection twice, the second for the digest", "connection-option", POST, *listed)
    yield case("HTTP API: Connection twice, joined", "connection-option", POST, *listed, http=("/prod/pets", ""))
    for value in ("content-digest;q=1", '"content-digest"', "close content-digest", "close; x", "é"):
        yield case(f"Connection: {value}", "connection-malformed", POST, add("Connection", value))

    head = Signer(method="HEAD")
    for signer, name, value in (
        (head, "Content-Length", "2"),
        (Signer(), "CONTENT-LENGTH", "14"),
        (Signer(), "Content-Length", "00"),
        (Signer(), "transfer-encoding", "chunked"),
        (Signer(), "Content_Length", "2"),
        (head, "transfer_encoding", "chunked"),
    ):
        yield case(f"{signer.method} with {name}: {value}", "body-on-get", signer, add(name, value))
    lengths = [add("Content-Length", "14"), add("Content-Length", "0")]
    yield case("a GET with two lengths", "body-on-get", Signer(), *lengths)
    yield case(
        "a GET whose body has a covered digest",
        "body-on-get",
        dataclasses.replace(POST, method="GET"),
        add("Content-Length", "14"),
    )


def rule_2():
    """Rule 2: covered are the five components and, if and only if it is there, the digest; each once and without
    parameters; the viewer's address is one."""
    for name in COVERED:
        signer = Signer(covered=tuple(other for other in COVERED if other != name))
        yield case(f"{name} is not covered", "component-missing", signer)
    yield case('"@path" is covered twice', "component-repeated", Signer(covered=(*COVERED, '"@path"')))
    yield case("nothing is covered", "component-missing", Signer(covered=()))
    yield case("the digest is there and not covered", "component-missing", dataclasses.replace(POST, covered=COVERED))
    twice = dataclasses.replace(POST, covered=(*WITH_DIGEST, '"content-digest"'))
    yield case("the digest is covered twice", "component-repeated", twice)

    yield case("the digest is covered and absent", "digest-absent", POST, drop("Content-Digest"))
    folded = rename(lambda name: name.replace("Content-", "Content_"))
    yield case("Content_Digest for Content-Digest", "digest-absent", POST, folded)
    yield case("Content_Digest beside Content-Digest", "header-repeated", POST, add("content_digest", SHA_256))
    undigested = Signer(method="POST", target="/prod/pets")
    yield case("Content_Digest where no digest is covered", "component-missing", undigested, add("CONTENT_DIGEST", SHA_256))
    for method in ("POST", "DELETE", "OPTIONS", "get"):
        signer = Signer(method=method, target="/prod/pets")
        yield case(f"a {method} without a digest, where every body needs one", "digest-required", signer, require_digest=True)
    for title, line in {"empty": {}, "the word null": {'"content-digest"': "null"}}.items():
        signer = Signer(method="POST", covered=WITH_DIGEST, foreign_values=line)
        yield case(f"the digest is covered and absent, signed as {title}", "digest-absent", signer)
    joined = dataclasses.replace(POST, foreign_values={'"content-digest"': f"{SHA_256}, {SHA_256}"})
    yield case("the digest twice, signed as joined", "header-repeated", joined, add("content-digest", SHA_256))
    for title, value in {
        "a line feed that forges a line of the base": f'{SHA_256}\n"@path": /prod/admin',
        "a line feed at its end": f"{SHA_256}\n",
        "a NUL": f"{SHA_256}\0",
        "a letter that is not ASCII": f"{SHA_256}, é=:YQ==:",
    }.items():
        yield case(f"the digest holds {title}", "digest-malformed", dataclasses.replace(POST, content_digest=value))

    for name, value in (
        ('"date"', "Sun, 22 Nov 2026 06:04:05 GMT"),
        ('"countersign-target"', Signer.target),
        ('"@target-uri"', f"https://{HOST}{Signer.target}"),
        ('"@query-param";name="page"', "2"),
        ('"@Path"', "/prod/pets"),
    ):
        signer = Signer(covered=(*COVERED, name), foreign_values={name: value})
        edits = [add("Date", value)] if name == '"date"' else []
        yield case(f"{name} is covered besides", "component-unknown", signer, *edits)
    uri = {'"@target-uri"': f"https://{HOST}{Signer.target}"}
    instead = Signer(covered=('"@method"', *uri, '"countersign-viewer-ip"'), foreign_values=uri)
    yield case('"@target-uri" in the place of its parts', "component-unknown", instead)
    line = {'"Content-Digest"': SHA_256}
    capital = dataclasses.replace(POST, covered=(*COVERED, *line), foreign_values=line)
    yield case('"Content-Digest" with capitals', "component-unknown", capital)

    for name, value in (
        ('"@method";req', "GET"),
        ('"@path";req', "/prod/pets"),
        ('"@query";name="page"', "?page=2"),
        ('"countersign-viewer-ip";bs', f":{base64_text(Signer.viewer_ip.encode())}:"),
        ('"content-digest";bs', f":{base64_text(SHA_256.encode())}:"),
        ('"content-digest";key="sha-256"', SHA_256.removeprefix("sha-256=")),
    ):
        bare = name.partition(";")[0]
        signer = POST if bare == '"content-digest"' else Signer()
        covered = tuple(name if other == bare else other for other in signer.covers())
        signer = dataclasses.replace(signer, covered=covered, foreign_values={name: value})
        yield case(f"{name} is covered", "component-parameters", signer)

    for title, value in {
        "empty": "",
        "with a port": "203.0.113.7:443",
        "in brackets": "[2001:db8::7]",
        "with a zone": "fe80::7%eth0",
        "a list": "203.0.113.7, 10.0.0.1",
        "a name": "localhost",
        "with a leading zero": "203.0.113.07",
        "forging a line of the base": '203.0.113.7\n"@path": /prod/admin',
    }.items():
        yield case(f"the viewer's address is {title}", "viewer-ip", Signer(viewer_ip=value))


def rule_3():
    """Rule 3: each of the six parameters once and of its type, the one algorithm, the one tag, and nothing else."""
    for name, _ in parameters():
        yield case(f"{name} is missing", "parameter-missing", Signer(parameters=parameters(**{name: None})))
    yield case("the nonce stands twice, alike", "parameter-repeated", Signer(parameters=parameters(("nonce", NONCE))))
    later = parameters(("expires", str(EXPIRES + 3600)))
    yield case("expires stands twice, the second later", "parameter-repeated", Signer(parameters=later))
    yield case("no parameters", "parameter-missing", Signer(parameters=()))
    for more in (("x", "1"), ("req", "")):
        yield case(f"the parameter {more[0]} besides", "parameter-unknown", Signer(parameters=parameters(more)))

    for name, text in (
        ("created", f'"{CREATED}"'),
        ("created", f"{CREATED}.0"),
        ("created", "-1"),
        ("expires", "never"),
        ("nonce", NONCE.strip('"')),
        ("nonce", NONCE.replace('w"', '"')),
        ("nonce", NONCE.replace('w"', 'x"')),
        ("nonce", NONCE.replace('w"', 'w=="')),
        ("nonce", '"+/+/+/+/+/+/+/+/+/+/+w"'),
        ("alg", "hmac-sha256"),
        ("keyid", A.kid),
        ("keyid", '""'),
        ("keyid", '"test only"'),
        ("keyid", f'"{"x" * 65}"'),
        ("tag", "countersign"),
    ):
        yield case(f"{name}={text}", "parameter-type", Signer(parameters=parameters(**{name: text})))
    for alg in ("HMAC-SHA256", "none", ""):
        yield case(f'alg="{alg}"', "algorithm", Signer(parameters=parameters(alg=f'"{alg}"')))
    for tag in ("web-bot-auth", "Countersign"):
        yield case(f'tag="{tag}"', "tag", Signer(parameters=parameters(tag=f'"{tag}"')))
    yield case("the signature has a parameter", "signature-parameters", Signer(), wrap(SIGNATURE, after=";x=1"))


def rule_4():
    """Rule 4: it ends after it begins, lives no longer than the policy allows, and now is its time."""

    def lifetime(expires):
        return Signer(parameters=parameters(expires=str(expires)))

    yield case("expires is created", "lifetime", lifetime(CREATED), time=CREATED)
    yield case("expires is before created", "lifetime", lifetime(CREATED - 1), time=CREATED - 3)
    yield case("a second too long", "lifetime-too-long", lifetime(CREATED + 61))
    yield case("a second over a longer maximum", "lifetime-too-long", lifetime(CREATED + 301), max_lifetime=300)
    yield case("for ever", "lifetime-too-long", lifetime(999_999_999_999_999))
    yield case("the event has no time", "request-time", time=None)
    yield case("a second further ahead than clocks may differ", "future", time=CREATED - 6)
    yield case("a second ahead where clocks agree", "future", skew=0, time=CREATED - 1)
    millis = Signer(parameters=parameters(created=f"{CREATED}000", expires=f"{CREATED}060"))
    yield case("created in milliseconds", "future", millis)
    yield case("the first second after its time", "expired", time=EXPIRES + 5)
    yield case("the first second after its time where clocks agree", "expired", skew=0, time=EXPIRES)
    lasting = dataclasses.replace(A, exp=CREATED + 90000)
    yield case("replayed a day later", "expired", time=CREATED + 86400, keys=(lasting,))


def rule_5():
    """Rule 5: host, method, path and query are those that the gateway received. REST APIs show the path byte for byte
    and the query decoded, the values of one name in their order, the names in none."""
    other = "evil.example"
    yield case("signed for and sent to another host", "host", Signer(authority=other))
    yield case("Host is another", "host", Signer(), put("Host", other))
    yield case("Host is missing", "host", Signer(), drop("Host"))
    yield case("Host twice, alike", "host", Signer(), add("host", HOST))
    yield case("Host twice, the right one last", "host", Signer(authority=other), add("host", HOST))
    yield case("Host with a port", "host", Signer(), put("Host", f"{HOST}:443"))
    forged = f'{HOST}\n"@path": /prod/admin'
    yield case("a host that forges a line of the base", "host", Signer(authority=forged), domain_name=forged)

    yield case("the event tells two methods", "method", second_method="DELETE")
    yield case("the event tells two methods, the signed one second", "method", method="DELETE", second_method="GET")
    yield case("the event tells two methods that differ by case", "method", second_method="get")
    forging = 'GET\n"@path": /prod/admin'
    for title, method in {"empty": "", "no token": "GE T", "forging a line of the base": forging}.items():
        yield case(f"the method is {title}", "method", Signer(method=method))

    for title, target in {
        "empty": "",
        "a whole URI": f"https://{HOST}/prod/pets",
        "an asterisk": "*",
        "with a space": "/prod/my pets",
        "with a fragment": "/prod/pets#x",
        "not ASCII": "/prod/pets/é",
        "forging a line of the base": '/prod/pets\n"@query": ?admin=1',
    }.items():
        yield case(f"the target is {title}", "target", Signer(target=target), path="/prod/pets", query={})
    yield case("the target ends in a bare question mark", "bare-question-mark", Signer(target="/prod/pets?"), query={})
    added = wrap("Countersign-Target", after="?")
    yield case("a bare question mark added behind a good target", "bare-question-mark", PETS, added)

    for target, path in (
        ("/prod/pets", "/prod/admin"),
        ("/prod/pets", "/prod/pets/"),
        ("/prod/pets", "//prod/pets"),
        ("///prod/pets", "//prod/pets"),
        ("//prod//pets", "/prod/pets"),
        ("/prod/pets", "/pets"),
        ("/prod/a%2Fb", "/prod/a/b"),
        ("/prod/a%2Fb", "/prod/a%2fb"),
        ("/prod/%70ets", "/prod/pets"),
        ("/prod/x/../pets", "/prod/pets"),
    ):
        yield case(f"signed {target}, received {path}", "path", Signer(target=target), path=path)

    for query, shown in (
        ("type=dog&page=2", {"type": ["dog"]}),
        ("type=dog", {"type": ["dog"], "page": ["2"]}),
        (None, {"type": ["dog"]}),
        ("type=dog", {"Type": ["dog"]}),
        ("type=dog", {"type": ["dog", "dog"]}),
        ("id=1&id=2", {"id": ["2", "1"]}),
        ("id=1&id=2", {"id": ["2"]}),
        ("a=1;b=2", {"a": ["1;b=2"]}),
        ("a=1&b=2", {"a": ["2"], "b": ["1"]}),
        ("name=a%2Bb", {"name": ["a b"]}),
        ("name=%2541", {"name": ["A"]}),
        ("flag", {"flag": ["true"]}),
    ):
        target = "/prod/pets" if query is None else f"/prod/pets?{query}"
        name = f"signed {'no query' if query is None else query}, received {json.dumps(shown)}"
        yield case(name, "query", Signer(target=target), query=shown)
    for query, shown in {
        "a=%zz": "%zz",
        "a=%4": "%4",
        "a=%%41": "%A",
        "a=%ff": "\ufffd",
        "a=%C0%AF": "/",
    }.items():
        yield case(f"query {query}", "query-escape", Signer(target=f"/prod/pets?{query}"), query={"a": [shown]})
    yield case("query %zz=1", "query-escape", Signer(target="/prod/pets?%zz=1"), query={"%zz": ["1"]})


def rule_5_http():
    """Rule 5 behind HTTP APIs: they show the query byte for byte and the path percent-decoded, so that a path with an
    escape that could be read as something else once it is decoded is refused, unless the policy allows it by name."""
    for target, path, query in [
        ("/prod/pets", "/prod/pets", ""),
        ("/prod/pets?type=dog&page=2", "/prod/pets", "type=dog&page=2"),
        ("/prod/pets?x=1&x=2;y=+%2B%20", "/prod/pets", "x=1&x=2;y=+%2B%20"),
        ("/prod/pets?x=%zz", "/prod/pets", "x=%zz"),
        ("/prod/pets??", "/prod/pets", "?"),
        ("/prod/pets?&", "/prod/pets", "&"),
        ("/prod/space%20value", "/prod/space value", ""),
        ("/prod/caf%C3%A9", "/prod/café", ""),
        ("/prod//a+b;c=d/", "/prod//a+b;c=d/", ""),
        ("/pets", "/pets", ""),
    ]:
        yield case(f"HTTP API: {target}", ADMITTED, Signer(target=target), http=(path, query))
    yield case("HTTP API: a body", ADMITTED, POST, http=("/prod/pets", ""))
    beside = [put(INPUT, lambda ours: f"{FOREIGN_INPUT},{ours}"), put(SIGNATURE, lambda ours: f"{FOREIGN_SIGNATURE},{ours}")]
    yield case("HTTP API: another's signature in our fields", "label-unknown", PETS, *beside, http=("/prod/pets", ""))

    for target, path, query in [
        ("/prod/pets?a=1&b=2", "/prod/pets", "b=2&a=1"),
        ("/prod/pets?a=+", "/prod/pets", "a=%20"),
        ("/prod/pets?a=1", "/prod/pets", ""),
        ("/prod/pets", "/prod/pets", "a=1"),
    ]:
        yield case(f"HTTP API: {target}, sent with {query!r}", "query", Signer(target=target), http=(path, query))
    for target, path in [("/prod/pets", "/prod/dogs"), ("/prod/pets", "/pets"), ("/prod/a%20b", "/prod/a+b"), ("/prod/a%20b", "/prod/a%20b")]:
        yield case(f"HTTP API: {target}, sent as {path}", "path", Signer(target=target), http=(path, ""))
    yield case("HTTP API: a bare question mark", "bare-question-mark", Signer(target="/prod/pets?"), http=("/prod/pets", ""))

    ambiguous = [
        ("/prod/a%2Fb", "/prod/a/b"),
        ("/prod/a%3Fb", "/prod/a"),
        ("/prod/a%23b", "/prod/a#b"),
        ("/prod/a%252Fb", "/prod/a%2Fb"),
        ("/prod/a%5cb", "/prod/a\\b"),
        ("/prod/a%3bb", "/prod/a;b"),
        ("/prod/a%0d%0a", "/prod/a\r\n"),
        ("/prod/a%ff", "/prod/a\ufffd"),
        ("/prod/a%zz", "/prod/a%zz"),
    ]
    for target, path in ambiguous:
        yield case(f"HTTP API: {target}", "path-ambiguous", Signer(target=target), http=(path, ""))
        yield case(f"HTTP API: {target}, allowed by name", ADMITTED, Signer(target=target), http=(path, ""), allow_ambiguous_path=True)
    domain = "api.example.com"
    listed = f"{domain}/v1={API_ID}/prod,{domain}/v2=def456/$default,{domain}=ghi789/$default,{domain}/a/b={API_ID}/dev"

    def mapped(target, shown, api_id, stage, verdict=ADMITTED, verified_path=None, base_paths=listed, name=domain):
        listing = "listed" if base_paths else "not listed"
        title = f"HTTP API: {name}, {listing}, at {api_id}/{stage}: signed {target}, shown {shown}"
        signer = Signer(authority=name, target=target)
        return case(title, verdict, signer, domain_name=name, api_id=api_id, stage=stage, http=(shown, ""), base_paths=base_paths, verified_path=verified_path)

    yield mapped("/v1/pets", "/prod/pets", API_ID, "prod", verified_path="/pets")
    yield mapped("/v1/a%20b", "/prod/a b", API_ID, "prod", verified_path="/a%20b")
    yield mapped("/v1", "/prod/", API_ID, "prod", verified_path="/")
    yield mapped("/v1/v1", "/prod/v1", API_ID, "prod", verified_path="/v1")
    yield mapped("/v2/pets", "/pets", "def456", "$default", verified_path="/pets")
    yield mapped("/v2", "/", "def456", "$default", verified_path="/")
    yield mapped("/pets", "/pets", "ghi789", "$default", verified_path="/pets")
    yield mapped("/a/b/pets", "/dev/pets", API_ID, "dev", verified_path="/pets")
    yield mapped("/v1/pets", "/prod/pets", API_ID, "prod", verified_path="/pets", name="API.EXAMPLE.COM")
    yield mapped("/prod/pets", "/prod/pets", API_ID, "prod", verified_path="/pets", base_paths="")
    # A key is invisible: headers of one would open the other.
    yield mapped("/v1/pets", "/pets", "def456", "$default", "path")
    yield mapped("/v2/pets", "/prod/pets", API_ID, "prod", "path")
    yield mapped("/pets", "/pets", "def456", "$default", "path")
    yield mapped("/v1/pets", "/v1/pets", "ghi789", "$default", "path")
    yield mapped("/v2/pets", "/v2/pets", "def456", "$default", "path")
    yield mapped("/v1/pets", "/pets", API_ID, "prod", "path")
    yield mapped("/v10/pets", "/prod/0/pets", API_ID, "prod", "path")
    yield mapped("/a/pets", "/dev/pets", API_ID, "dev", "path")
    yield mapped("/v1/pets", "/prod/pets", API_ID, "prod", "path", base_paths="")
    yield mapped("/pets", "/prod/pets", API_ID, "prod", "path", base_paths="")
    yield mapped("/v1/a%2Fb", "/prod/a/b", API_ID, "prod", "path-ambiguous")
    yield mapped("/v1/pets", "/other/pets", API_ID, "other", "base-path")
    # The standard port names no other domain: RFC 9421, section 2.2.3, leaves it out of what is signed.
    port = f"{domain}:443"
    standard = [put("Host", port)]
    for api_id, verdict in (("def456", "path"), ("ghi789", ADMITTED), ("jkl012", "base-path")):
        title = f"HTTP API: {port}, listed without the port, at {api_id}"
        yield case(title, verdict, Signer(authority=domain, target="/pets"), *standard, domain_name=port, api_id=api_id, stage="$default", http=("/pets", ""), base_paths=listed)
    yield case("HTTP API: the stage is written with an escape", "path", Signer(target="/%70rod/pets"), http=("/prod/pets", ""))
    yield mapped("/v1/pets", "/pets", "jkl012", "$default", "base-path")
    yield case("REST API: a listed domain leads to another API", "base-path", Signer(authority=domain, target="/v1/pets"), domain_name=domain, api_id="jkl012", api_path="/v1/pets", base_paths=listed)
    yield case("REST API: a path below another key of its domain", "path", Signer(authority=domain, target="/v2/pets"), domain_name=domain, api_path="/v2/pets", base_paths=listed)
    yield case("REST API: an ambiguous path is none", ADMITTED, Signer(target="/prod/a%2Fb"))

    twice = add("countersign-target", "/prod/pets")
    yield case("HTTP API: Countersign-Target twice, joined", "path", PETS, twice, http=("/prod/pets", ""))
    yield case("HTTP API: Countersign-Viewer-Ip twice, joined", "viewer-ip", PETS, add("countersign-viewer-ip", "127.0.0.1"), http=("/prod/pets", ""))
    yield case("HTTP API: our signature twice, joined", "label-repeated", PETS, lambda headers: headers + headers, http=("/prod/pets", ""))
    yield case("HTTP API: Content-Digest twice, joined", "signature", POST, add("content-digest", SHA_256), http=("/prod/pets", ""))


def rule_5_http_v1():
    """Rule 5 behind HTTP APIs with payload format 1.0: they show path and query percent-decoded. What is not known of this format is
    refused: an event without the maps of all values, a custom domain with a mapping key or a stage with a name, and a `;`."""

    def shown(path, query=None, shows_repeats=True):
        return {"path": path, "query": query or {}, "shows_repeats": shows_repeats}

    for target, path, query in [
        ("/prod/pets", "/prod/pets", {}),
        ("/prod/pets?type=dog&page=2", "/prod/pets", {"page": ["2"], "type": ["dog"]}),
        ("/prod/pets?x=1&x=2", "/prod/pets", {"x": ["1", "2"]}),
        ("/prod/pets?x=+%2B%20%3B&&flag", "/prod/pets", {"x": [" + ;"], "flag": [""]}),
        ("/prod/pets??", "/prod/pets", {"?": [""]}),
        ("/prod/space%20value", "/prod/space value", {}),
        ("/prod/caf%C3%A9?caf%C3%A9=%E2%82%AC", "/prod/café", {"café": ["€"]}),
        ("/prod//a+b;c=d/", "/prod//a+b;c=d/", {}),
        ("/pets", "/pets", {}),
    ]:
        yield case(f"payload 1.0: {target}", ADMITTED, Signer(target=target), http_v1=shown(path, query))
    yield case("payload 1.0: a body", ADMITTED, POST, http_v1=shown("/prod/pets"))
    yield case("payload 1.0: the path without the stage", ADMITTED, PETS, http_v1=shown("/prod/pets"), verified_path="/pets")
    yield case("payload 1.0: the stage $default", ADMITTED, Signer(target="/pets"), stage="$default", http_v1=shown("/pets"), verified_path="/pets")
    for target, query, verdict in [
        ("/prod/pets?x=1&x=2", {"x": ["2", "1"]}, "query"),
        ("/prod/pets?x=1&x=2", {"x": ["2"]}, "query"),
        ("/prod/pets?x=1,2", {"x": ["1", "2"]}, "query"),
        ("/prod/pets?x=1", {}, "query"),
        ("/prod/pets", {"x": ["1"]}, "query"),
        ("/prod/pets?x=1;y=2", {"x": ["1;y=2"]}, "query-separator"),
        ("/prod/pets?x=1;y=2", {"x": ["1"], "y": ["2"]}, "query-separator"),
        ("/prod/pets?x=%zz", {"x": ["%zz"]}, "query-escape"),
        ("/prod/pets?x=%ff", {"x": ["\ufffd"]}, "query-escape"),
        ("/prod/pets?", {}, "bare-question-mark"),
    ]:
        yield case(f"payload 1.0: {target}, shown {json.dumps(query)}", verdict, Signer(target=target), http_v1=shown("/prod/pets", query))
    for target, path, verdict in [
        ("/prod/pets", "/prod/dogs", "path"),
        ("/prod/pets", "/pets", "path"),
        ("/pets", "/prod/pets", "path"),
        ("/prod/a%20b", "/prod/a%20b", "path"),
        ("/%70rod/pets", "/prod/pets", "path"),
        ("/prod/a%2Fb", "/prod/a/b", "path-ambiguous"),
        ("/prod/a%zz", "/prod/a%zz", "path-ambiguous"),
    ]:
        yield case(f"payload 1.0: {target}, shown {path}", verdict, Signer(target=target), http_v1=shown(path))
    yield case("payload 1.0: /prod/a%2Fb, allowed by name", ADMITTED, Signer(target="/prod/a%2Fb"), http_v1=shown("/prod/a/b"), allow_ambiguous_path=True)
    hidden = shown("/prod/pets", shows_repeats=False)
    yield case("payload 1.0: only one value of each header", "repeats-hidden", PETS, http_v1=hidden)
    yield case("payload 1.0: Countersign-Target twice", "header-repeated", PETS, add("countersign-target", "/prod/pets"), http_v1=shown("/prod/pets"))

    domain = "api.example.com"
    listed = f"{domain}/v1={API_ID}/prod,{domain}={API_ID}/$default,other.example={API_ID}/prod"

    def mapped(name, target, path, stage, verdict, base_paths=listed, api_id=API_ID, verified_path=None):
        title = f"payload 1.0: {name}, listed as {base_paths}, at {api_id}/{stage}: signed {target}, shown {path}"
        signer = Signer(authority=name, target=target)
        return case(title, verdict, signer, domain_name=name, api_id=api_id, stage=stage, http_v1=shown(path), base_paths=base_paths, verified_path=verified_path)

    yield mapped(domain, "/pets", "/pets", "$default", ADMITTED, verified_path="/pets")
    yield mapped(domain, "/v1/pets", "/prod/pets", "prod", "base-path-unknown")
    yield mapped(domain, "/v1/pets", "/v1/pets", "prod", "base-path-unknown")
    yield mapped("other.example", "/pets", "/prod/pets", "prod", "base-path-unknown")
    yield mapped("other.example", "/pets", "/pets", "prod", "base-path-unknown")
    # Nobody knows whether there is a key.
    yield mapped(domain, "/pets", "/pets", "$default", "base-path-unknown", base_paths="")
    yield mapped(domain, "/prod/pets", "/prod/pets", "prod", "base-path-unknown", base_paths="")
    yield mapped(domain, "/pets", "/v1/pets", "$default", "path")
    yield mapped(domain, "/v1/pets", "/v1/pets", "$default", "path")
    yield mapped(domain, "/pets", "/pets", "dev", "base-path")
    yield mapped(domain, "/pets", "/pets", "$default", "base-path", api_id="def456")
    yield mapped(domain, "/v1/pets", "/v1/pets", "prod", "base-path", base_paths=f"{domain}/v1={API_ID}/prod/v1")


def rule_5_websocket():
    """Rule 5 behind WebSocket APIs: at $connect they show the query decoded, and neither path nor method. The signed path is the stage
    of the API's own domain or the mapping key of a listed custom domain, each with or without a last slash."""
    wss = Signer(target="/prod")
    for target, query in [
        ("/prod", {}),
        ("/prod/", {}),
        ("/prod?room=7&room=8&token=a%2Bb+c", {"room": ["7", "8"], "token": ["a+b c"]}),
        ("/prod/?flag;x=1", {"flag": [""], "x": ["1"]}),
    ]:
        yield case(f"WebSocket API: {target}", ADMITTED, Signer(target=target), websocket=query, verified_path="/")
    upgrade = (add("Connection", "upgrade"), add("Upgrade", "websocket"), add("content-length", "0"))
    yield case("WebSocket API: the headers of a handshake", ADMITTED, wss, *upgrade, websocket={})
    for target in ("/", "/dev", "/prod//", "//prod", "/prod/x", "/Prod", "/%70rod", "/prod/.", "/production"):
        yield case(f"WebSocket API: {target}, where the stage is prod", "path", Signer(target=target), websocket={})
    for target, query, verdict in [
        ("/prod?room=7", {}, "query"),
        ("/prod", {"room": ["7"]}, "query"),
        ("/prod?room=7&room=8", {"room": ["8", "7"]}, "query"),
        ("/prod?room=%zz", {"room": ["%zz"]}, "query-escape"),
        ("/prod?", {}, "bare-question-mark"),
    ]:
        yield case(f"WebSocket API: {target}, shown {json.dumps(query)}", verdict, Signer(target=target), websocket=query)
    yield case("WebSocket API: only one value of each parameter", "repeats-hidden", Signer(target="/prod?room=7"), websocket={"room": ["7"]}, shows_repeats=False)
    yield case("WebSocket API: signed as a POST", "signature", Signer(target="/prod", method="POST"), websocket={}, method="GET")
    yield case("WebSocket API: a body is announced", "body-on-get", wss, add("Content-Length", "5"), websocket={})
    yield case("WebSocket API: Connection lists Host", "connection-option", wss, add("Connection", "upgrade, host"), websocket={})

    domain = "ws.example.com"
    listed = f"{domain}/chat={API_ID}/prod,{domain}/other=def456/prod,{domain}=ghi789/prod,kept.example/chat={API_ID}/prod/chat"

    def mapped(name, target, verdict, api_id=API_ID, stage="prod", base_paths=listed):
        title = f"WebSocket API: {name}, {'listed' if base_paths else 'not listed'}, at {api_id}/{stage}: signed {target}"
        path = "/" if verdict == ADMITTED else None
        signer = Signer(authority=name, target=target)
        return case(title, verdict, signer, domain_name=name, api_id=api_id, stage=stage, websocket={}, base_paths=base_paths, verified_path=path)

    yield mapped(domain, "/chat", ADMITTED)
    yield mapped(domain, "/chat/", ADMITTED)
    yield mapped(domain, "/other", ADMITTED, api_id="def456")
    yield mapped(domain, "/", ADMITTED, api_id="ghi789")
    # A key is invisible: without the list, headers of one would open the other.
    yield mapped(domain, "/other", "path")
    yield mapped(domain, "/", "path")
    yield mapped(domain, "/prod", "path")
    yield mapped(domain, "/chat/x", "path")
    yield mapped(domain, "/chat//", "path")
    yield mapped(domain, "/chat", "base-path", stage="dev")
    yield mapped(domain, "/chat", "base-path", api_id="jkl012")
    yield mapped("kept.example", "/chat", "base-path")
    yield mapped(domain, "/chat", "base-path-unlisted", base_paths="")
    yield mapped(domain, "/prod", "base-path-unlisted", base_paths="")
    yield mapped("not-listed.example", "/prod", "base-path-unlisted")
    # An address is no custom domain.
    yield mapped("127.0.0.1:8081", "/prod", ADMITTED, base_paths="")
    yield mapped("[::1]:8081", "/prod/", ADMITTED, base_paths="")
    own = "def456.execute-api.eu-west-1.amazonaws.com"
    yield mapped(own, "/prod", ADMITTED, api_id="def456", base_paths="")
    yield mapped(own, "/prod", "base-path-unlisted", base_paths="")


def rule_5_base_path():
    """Rule 5 behind custom domains of REST APIs, whose routing rules choose API and stage by headers that nobody signs, and remove or
    keep the base path."""
    domain = "api.example.com"
    listed = f"{domain}/v1={API_ID}/prod,{domain}/v2={API_ID}/prod/v2,{domain}/v3={API_ID}/dev/v3"

    def mapped(target, verdict, path=None, stage="prod", api_id=API_ID, base_paths=listed, verified_path=None):
        path = target if path is None else path
        title = f"REST API: {domain}, {base_paths or 'not listed'}, at {api_id}/{stage}: signed {target}, shown {path}"
        signer = Signer(authority=domain, target=target)
        return case(title, verdict, signer, domain_name=domain, api_id=api_id, stage=stage, path=path, api_path=path, base_paths=base_paths, verified_path=verified_path)

    yield mapped("/v1/pets", ADMITTED, verified_path="/pets")
    yield mapped("/v1", ADMITTED, verified_path="/")
    yield mapped("/v2/pets", ADMITTED, verified_path="/v2/pets")
    yield mapped("/v2", ADMITTED, verified_path="/v2")
    yield mapped("/v2/", ADMITTED, verified_path="/v2/")
    yield mapped("/v3/a%2Fb", ADMITTED, stage="dev", verified_path="/v3/a%2Fb")
    # A header of the request leads it to another stage or API.
    yield mapped("/v1/pets", "path", stage="dev")
    yield mapped("/v2/pets", "path", stage="dev")
    yield mapped("/v3/pets", "path")
    yield mapped("/v1/pets", "base-path", stage="beta")
    yield mapped("/v1/pets", "base-path", api_id="def456")
    yield mapped("/v4/pets", "path")
    # The base path is not known to be missing in an event.
    yield mapped("/v1/pets", "base-path-hidden", path="/pets")
    yield mapped("/v1", "base-path-hidden", path="/")
    yield mapped("/v2/pets", "base-path-hidden", path="/pets")
    yield mapped("/v1/pets", "path", path="/pets", base_paths="")
    yield mapped("/v1/pets", "path", path="/cats")
    yield mapped("/pets", "path", path="/cats", base_paths=f"{domain}={API_ID}/prod")


def rule_6():
    """Rule 6: the key is in the set, had begun when it signed, and has not ended."""

    def by(kid):
        return Signer(parameters=parameters(keyid=f'"{kid}"'))

    yield case("a key that is not in the set", "key-unknown", Signer(key=B, parameters=parameters(keyid=f'"{B.kid}"')))
    yield case("the right secret under an unknown id", "key-unknown", by("test-only-x"))
    yield case("the key's id in upper case", "key-unknown", by(A.kid.upper()))
    yield case("the beginning of the key's id", "key-unknown", by(A.kid[:-1]))
    late = dataclasses.replace(A, nbf=CREATED + 1)
    yield case("signed a second before the key begins", "key-not-yet-valid", keys=(late,))
    beside = (late, Key("test-only-twin"))
    yield case("signed a second early, a good key of the same secret beside", "key-not-yet-valid", keys=beside)
    yield case("signed before the key begins, received after", "key-not-yet-valid", keys=(late,), time=CREATED + 30)
    for title, exp, skew in (
        ("the key ends in the second of receipt", NOW, 5),
        ("the key ended before receipt, after signing", CREATED + 1, 5),
        ("the skew of clocks does not lengthen a key", NOW - 1, 60),
    ):
        yield case(title, "key-expired", keys=(dataclasses.replace(A, exp=exp),), skew=skew)


def rule_7():
    """Rule 7: the signature is that of the request as received. All else is well in these."""
    # What was signed was altered, and everything that can be altered with it.
    admin = put("Countersign-Target", "/prod/admin?type=dog&page=2")
    yield case("the path was altered, target and all", "signature", Signer(), admin, path="/prod/admin")
    for title, query, shown in (
        ("a value", "type=cat&page=2", {"type": ["cat"], "page": ["2"]}),
        ("an added name", "type=dog&page=2&x=1", {"type": ["dog"], "page": ["2"], "x": ["1"]}),
        ("the order of names", "page=2&type=dog", {"type": ["dog"], "page": ["2"]}),
        ("the separator", "type=dog;page=2", {"type": ["dog"], "page": ["2"]}),
        ("an escape that means the same", "type=do%67&page=2", {"type": ["dog"], "page": ["2"]}),
    ):
        edit = put("Countersign-Target", f"/prod/pets?{query}")
        yield case(f"the query was altered: {title}", "signature", Signer(), edit, query=shown)
    edit = put("Countersign-Target", "/prod/pets")
    yield case("the query was removed", "signature", Signer(), edit, query={})
    edit = put("Countersign-Target", "/prod/pets?flag=")
    yield case("flag became flag=", "signature", Signer(target="/prod/pets?flag"), edit, query={"flag": [""]})
    # A query in the path of the base has to stay there.
    within = PETS.base().replace("/prod/pets\n", "/prod/pets?x=1\n")
    moved = [put("Countersign-Target", "/prod/pets?x=1"), send_mac(hmac_sha256(A.secret, within))]
    yield case("the query is signed as part of the path", "signature", PETS, *moved, query={"x": ["1"]})
    yield case("the method was altered", "signature", method="DELETE")
    yield case("the method in lower case", "signature", method="get")
    other = "api.example.com"
    edit = put("Host", other)
    yield case("the host was altered, the gateway's name too", "signature", Signer(), edit, domain_name=other)
    yield case("the host of the base is another", "signature", Signer(authority=other), put("Host", HOST))
    yield case("the viewer's address was altered", "signature", Signer(), put("Countersign-Viewer-Ip", "203.0.113.8"))
    v6 = Signer(viewer_ip="2001:db8::7")
    yield case("the viewer's address is spelt otherwise", "signature", v6, put("Countersign-Viewer-Ip", "2001:DB8::7"))
    yield case("the digest was altered", "signature", POST, put("Content-Digest", digest(b"{}", "sha-256")))
    more = put("Content-Digest", digest(BODY, "sha-256", "sha-512"))
    yield case("another digest of the same body was added", "signature", POST, more)
    covered = swap(INPUT, ' "content-digest"', "")
    yield case("the digest was taken away, its cover too", "signature", POST, drop("Content-Digest"), covered)

    # The parameters were altered.
    for title, old, new in (
        ("created a second later", f"={CREATED}", f"={CREATED + 1}"),
        ("expires a second earlier", f"={EXPIRES}", f"={EXPIRES - 1}"),
        ("another nonce", "AAEC", "AAED"),
        ("the order of components", '"@method" "@authority"', '"@authority" "@method"'),
        ("the order of parameters", f";created={CREATED};expires={EXPIRES}", f";expires={EXPIRES};created={CREATED}"),
        # RFC 9421 would have the parameters written anew; this profile takes them as received.
        ("a space between components", '"@path" ', '"@path"  '),
    ):
        yield case(f"the parameters were altered: {title}", "signature", Signer(), swap(INPUT, old, new))
    late = swap(INPUT, f"={CREATED};expires={EXPIRES}", f"={CREATED + 600};expires={EXPIRES + 600}")
    yield case("an old signature with new times", "signature", Signer(), late, time=NOW + 600)

    # The key is another.
    twin = dataclasses.replace(A, kid="test-only-twin")
    edit = swap(INPUT, A.kid, twin.kid)
    yield case("the id was altered to that of a key with the same secret", "signature", Signer(), edit, keys=(A, twin))
    yield case("signed by one key under the id of another", "signature", Signer(key=B), keys=(A, B))
    yield case("the key of that id has another secret", "signature", keys=(Key(A.kid, first=1),))
    jwk_text = A.jwk()["k"].encode()
    good = Signer().base()
    yield case("the key is the text of k, not its bytes", "signature", Signer(), send_mac(hmac_sha256(jwk_text, good)))
    yield case("the key is empty", "signature", Signer(), send_mac(hmac_sha256(b"", good)))

    # The base is another.
    params = Signer().signature_params()
    for title, base in {
        "a line feed behind it": good + "\n",
        "the label before the parameters": good.replace(params, "countersign=" + params),
        "no last line": good.rpartition("\n")[0],
        "the host in upper case": good.replace(HOST, HOST.upper()),
        "the query without its question mark": good.replace(": ?", ": "),
        "the whole target as path": good.replace("/prod/pets\n", f"{Signer.target}\n"),
    }.items():
        yield case(f"the base has {title}", "signature", Signer(), send_mac(hmac_sha256(A.secret, base)))
    none = PETS.base().replace('"@query": ?', '"@query": ')
    yield case("the base has no lone question mark", "signature", PETS, send_mac(hmac_sha256(A.secret, none)))

    # The signature is another.
    mac = Signer().mac()
    text = base64_text(mac)
    assert text.endswith("=") and text[-2] in "AEIMQUYcgkosw048"
    spare = text[:-2] + chr(ord(text[-2]) + 1) + "="
    for title, wrong in {
        "empty": b"",
        "all zeros": bytes(32),
        "cut to 16 bytes": mac[:16],
        "a byte too long": mac + b"\0",
        "off by the last bit": mac[:-1] + bytes([mac[-1] ^ 1]),
        "without its padding": text.rstrip("="),
        "with spare bits set": spare,
        "by HMAC-SHA-512": hmac.new(A.secret, good.encode(), hashlib.sha512).digest(),
        "a hash without a key": hashlib.sha256(good.encode()).digest(),
        "that of another request": PETS.mac(),
    }.items():
        yield case(f"the signature is {title}", "signature", Signer(), send_mac(wrong))


def order():
    """Where several rules are broken, the first one is the reason."""
    unsigned = send_mac(bytes(32))
    uncovered = Signer(covered=())
    untagged = parameters(tag='""')
    unknown = Signer(parameters=parameters(keyid='"test-only-x"'))
    later = CREATED + 86400
    ended = dataclasses.replace(A, exp=NOW)
    override = (add("X-HTTP-Method", "PUT"), put("Host", "a"))
    for title, verdict, signer, edits, arrives in (
        ("1 before 2: no target, nothing covered", "header-missing", uncovered, [drop("Countersign-Target")], {}),
        ("1 before 5: a method override, another host", "method-override", Signer(), override, {}),
        ("2 before 3: nothing covered, no parameters", "component-missing", Signer(covered=(), parameters=()), [], {}),
        ("2 before 3: the viewer, the tag", "viewer-ip", Signer(viewer_ip="x", parameters=untagged), [], {}),
        ("3 before 4: the tag, too late", "tag", Signer(parameters=untagged), [], {"time": later}),
        ("4 before 5: too late, another path", "expired", Signer(), [], {"time": later, "path": "/prod/admin"}),
        ("4 before 6: too late, an unknown key", "expired", unknown, [], {"time": later}),
        ("5 before 6: another path, an unknown key", "path", unknown, [], {"path": "/prod/admin"}),
        ("5 before 7: another query, a wrong signature", "query", Signer(), [unsigned], {"query": {}}),
        ("6 before 7: an unknown key, a wrong signature", "key-unknown", unknown, [unsigned], {}),
        ("6 before 7: the key has ended, a wrong signature", "key-expired", Signer(), [unsigned], {"keys": (ended,)}),
    ):
        yield case(f"rule {title}", verdict, signer, *edits, **arrives)


FILES = {
    "accept.json": accept,
    "rule-1-headers.json": rule_1,
    "rule-2-covered.json": rule_2,
    "rule-3-parameters.json": rule_3,
    "rule-4-time.json": rule_4,
    "rule-5-target.json": rule_5,
    "rule-5-base-path.json": rule_5_base_path,
    "rule-5-http-api.json": rule_5_http,
    "rule-5-http-v1.json": rule_5_http_v1,
    "rule-5-websocket.json": rule_5_websocket,
    "rule-6-key.json": rule_6,
    "rule-7-signature.json": rule_7,
    "order.json": order,
}


# Writing


def write_json(value, indent=""):
    """JSON in which everything that fits stands on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent + line) <= 160 or not isinstance(value, (dict, list)):
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [f"{json.dumps(name)}: {write_json(part, inner)}" for name, part in value.items()]
        opening, closing = "{}"
    else:
        parts = [write_json(part, inner) for part in value]
        opening, closing = "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closing}"


def make():
    """The text of every file, by name."""
    assert_example_of_the_rfc()
    names = set()
    files = {}
    for file, cases in FILES.items():
        document = {"description": " ".join(cases.__doc__.split()), "cases": list(cases())}
        for name in (case["name"] for case in document["cases"]):
            assert name not in names, f"two cases are called {name!r}"
            names.add(name)
        files[file] = write_json(document) + "\n"
    return files


def main(arguments):
    folder = pathlib.Path(__file__).resolve().parent
    if arguments not in ([], ["--check"]):
        return f"usage: {sys.argv[0]} [--check]"
    made = make()
    if arguments:
        there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
        differing = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
        return f"not as this file makes them: {', '.join(differing)}" if differing else 0
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
