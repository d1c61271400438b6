"""An outside judge: the library http-message-signatures, asked over its public interface.

Reads one request a line from standard input and writes one answer a line, both JSON. `do` is `verify` or `sign`; of the
HTTP message there are `method`, `authority` (the value of Host), `target` (as on the request line) and `headers`, a list of
pairs. Nothing here reads or writes a signature: that is the library's part. An error that is not the library's verdict ends
the process.

The library takes no request line but an absolute URL, which is put together as RFC 9112, section 3.3, says.
"""

import base64
import datetime
import json
import sys

from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)


class Headers:
    """Field lines in the order of the wire, names without regard to case."""

    def __init__(self, pairs):
        self.pairs = [tuple(pair) for pair in pairs]

    def items(self):
        return list(self.pairs)

    def __iter__(self):
        return iter([name for name, _ in self.pairs])

    def __contains__(self, name):
        return any(other.lower() == name.lower() for other, _ in self.pairs)

    def __delitem__(self, name):
        self.pairs = [pair for pair in self.pairs if pair[0].lower() != name.lower()]

    def __setitem__(self, name, value):
        del self[name]
        self.pairs.append((name, value))


class Message:
    def __init__(self, asked):
        self.method = asked["method"]
        self.url = "https://" + asked["authority"] + asked["target"]
        self.headers = Headers(asked["headers"])


class Keys(HTTPSignatureKeyResolver):
    """A JWK Set of symmetric keys."""

    def __init__(self, jwks):
        self.secrets = {jwk["kid"]: base64.urlsafe_b64decode(jwk["k"] + "==") for jwk in jwks["keys"]}

    def resolve_public_key(self, key_id):
        return self.secrets.get(key_id)

    def resolve_private_key(self, key_id):
        return self.secrets[key_id]


def moment(seconds):
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


def verify(asked, keys):
    """Verifies the signature of this tag and label (null: the only one), and the covered digest against `body`, if given."""
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=keys)
    body = asked.get("body")
    [result] = verifier.verify(
        Message(asked),
        expect_tag=asked["tag"],
        expect_label=asked["label"],
        body=None if body is None else base64.b64decode(body),
    )
    covered = [json.loads(name) for name in result.covered_components if name != '"@signature-params"']
    return {"label": result.label, "covered": covered, "parameters": result.parameters}


def sign(asked, keys):
    """Signs and returns all headers. Where `body` is given, its digest is made and covered."""
    message = Message(asked)
    body = asked.get("body")
    HTTPMessageSigner(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=keys).sign(
        message,
        key_id=asked["key_id"],
        created=moment(asked["created"]),
        expires=moment(asked["expires"]),
        nonce=asked["nonce"],
        label=asked["label"],
        tag=asked["tag"],
        covered_component_ids=asked["covered"],
        body=None if body is None else base64.b64decode(body),
    )
    return {"headers": message.headers.items()}


for line in sys.stdin:
    asked = json.loads(line)
    try:
        answer = {"verify": verify, "sign": sign}[asked["do"]](asked, Keys(asked["keys"]))
    except HTTPMessageSignaturesException as error:
        # The library's own words where it has some; those of the exception beneath where it passes that one on.
        answer = {"refused": " ".join([type(error).__name__, str(error) or repr(error.__cause__)])}
    print(json.dumps(answer), flush=True)
