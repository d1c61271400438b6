"""The authorizer as an expert of Python writes it by hand: the same seven rules, the same line of the log with its metrics, the same
answer. Its events are those of REST APIs."""

import base64
import binascii
import hmac
import ipaddress
import json
import os
import re
import time
from datetime import datetime, timezone
from urllib.parse import unquote_to_bytes

from structured import byte_sequence, dictionary, inner_list

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
TARGET = re.compile(r"/[\x21\x22\x24-\x7e]*").fullmatch
NONCE = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]").fullmatch
KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
MAC = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=").fullmatch
HOST = re.compile(r"[A-Za-z0-9\-._~:\[\]]+").fullmatch
FIELD = re.compile(r"[\t\x20-\x7e]*").fullmatch
ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})").search
IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}").fullmatch
COMPONENTS = {"@method", "@authority", "@path", "@query", "countersign-viewer-ip", "content-digest"}
REQUIRED = COMPONENTS - {"content-digest"}
ONES = {
    "countersign-signature-input": 0, "countersign-signature": 1, "countersign-target": 2, "countersign-viewer-ip": 3,
    "content-digest": 4, "host": 5,
}
HOP = re.compile(r"countersign-.*|content-digest|host|content-length|transfer-encoding").fullmatch
LOGGABLE = re.compile(r"[A-Za-z0-9_=+/-]{1,128}").fullmatch
BASE_PATH = re.compile(r"([^/=]+)(?:/([^=]*))?=([^/]+)/([^/]+)(/.*)?").fullmatch
# The longest lifetime, the tolerance, whether a body needs a digest, and the base paths: as they are unless somebody sets them.
POLICY = (60, 5, False, ())
OVERRIDES = {"x-http-method-override", "x-http-method", "x-method-override"}
PARAMETERS = {"created", "expires", "nonce", "alg", "keyid", "tag"}


class Refusal(Exception):
    pass


def read_keys(text):
    """A JWK Set to prepared keys by their ids."""
    keys = {}
    for jwk in json.loads(text)["keys"]:
        if jwk["kty"] != "oct" or jwk["alg"] != "HS256" or jwk["kid"] in keys:
            raise ValueError("no key set")
        secret = base64.urlsafe_b64decode(jwk["k"] + "==")
        keys[jwk["kid"]] = (secret, jwk["nbf"], jwk["exp"])
    return keys


def decode(text):
    if "%" not in text and "+" not in text:
        return text
    if ESCAPE(text):
        raise Refusal("query-escape")
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode()
    except UnicodeDecodeError:
        raise Refusal("query-escape") from None


def decoded_query(query):
    seen = {}
    for pair in (query.replace(";", "&") if ";" in query else query).split("&"):
        if pair:
            name, _, value = pair.partition("=")
            seen.setdefault(decode(name), []).append(decode(value))
    return seen


def is_ip(text):
    if IPV4(text):
        return True
    try:
        return "%" not in text and ipaddress.IPv6Address(text) is not None
    except ValueError:
        return False


def below(path, prefix):
    """What follows a prefix of whole segments; None if the path is elsewhere."""
    if prefix and not path.startswith("/" + prefix):
        return None
    rest = path[len(prefix) + 1:] if prefix else path
    return "/" if rest == "" else rest if rest[0] == "/" else None


def read_base_paths(text):
    """The mappings of custom domains, as the setting has them."""
    found = [BASE_PATH(entry).groups() for entry in text.split(",")] if text else []
    return [(domain.lower(), key or "", kept is not None, api, stage) for domain, key, api, stage, kept in found]


def below_base(domain_name, api_id, stage, path, base_paths):
    """The path that the API sees by the mapping of a listed domain; None if the domain is not listed."""
    domain = domain_name.lower().removesuffix(":443")
    listed = [base for base in base_paths if base[0] == domain]
    if not listed:
        return None
    if all(base[3:] != (api_id, stage) for base in listed):
        raise Refusal("base-path")
    covering = [base for base in listed if below(path, base[1]) is not None]
    longest = max(covering, key=lambda base: len(base[1]), default=None)
    if longest is None or longest[3:] != (api_id, stage):
        raise Refusal("path")
    return path if longest[2] else below(path, longest[1])


def below_stage(domain_name, api_id, stage, path, api_path):
    """The path without the stage."""
    rest = below(path, stage)
    if rest is not None and (
        rest.lstrip("/") == api_path.lstrip("/") or domain_name.lower().startswith(api_id.lower() + ".execute-api.")
    ):
        return rest
    return path


def check_connection(value):
    for option in value.split(","):
        option = option.strip(" \t")
        if not option:
            continue
        if not TOKEN(option):
            raise Refusal("connection-malformed")
        if HOP(option.lower().replace("_", "-")):
            raise Refusal("connection-option")


def verify(received, keys, policy=POLICY):
    """Rules 1 to 7. `received` is (method, second method, domain name, API id, stage, multi-value headers, path, the API's path,
    query, time)."""
    method, second_method, domain_name, api_id, stage, headers, shown_path, api_path, shown_query, now = received
    max_lifetime, skew, require_digest, base_paths = policy
    # 1
    ones = [None] * 6
    override = body = False
    connections = []
    for name, values in headers.items():
        lower = name.lower()
        name = lower.replace("_", "-")
        at = ONES.get(name)
        if at is not None:
            if len(values) != 1 or ones[at] is not None:
                raise Refusal("header-repeated")
            if name != lower:
                raise Refusal("header-missing")
            ones[at] = values[0]
        elif name == "connection":
            connections += values
        elif name in OVERRIDES:
            override = True
        elif name == "transfer-encoding":
            body = True
        elif name == "content-length":
            body = body or any(value != "0" for value in values)
    input_, signature, target, viewer_ip, digest, host = ones
    if input_ is None or signature is None or target is None or viewer_ip is None:
        raise Refusal("header-missing")
    try:
        inputs = dictionary(input_, inner_list)
        signatures = dictionary(signature, byte_sequence)
    except SyntaxError:
        raise Refusal("header-unparsable") from None
    if len(inputs) != 1 or len(signatures) != 1 or inputs[0][0] != "countersign" or signatures[0][0] != "countersign":
        raise Refusal("label")
    [(_, (items, plain, parameters), text)] = inputs
    [(_, (mac, mac_parameters), _)] = signatures
    if override:
        raise Refusal("method-override")
    for value in connections:
        check_connection(value)
    bodiless = method in ("GET", "HEAD")
    if body and bodiless:
        raise Refusal("body")

    # 2
    if not plain:
        raise Refusal("component-parameters")
    covered = set(items)
    if len(covered) != len(items):
        raise Refusal("component-repeated")
    if covered != (REQUIRED if digest is None else COMPONENTS):
        raise Refusal("component-missing")
    if require_digest and not bodiless and digest is None:
        raise Refusal("digest-required")
    if digest is not None:
        digest = digest.strip(" \t")
        if not FIELD(digest):
            raise Refusal("digest-malformed")
    if not is_ip(viewer_ip):
        raise Refusal("viewer-ip")

    # 3
    named = dict(parameters)
    if len(named) != len(parameters):
        raise Refusal("parameter-repeated")
    if named.keys() != PARAMETERS:
        raise Refusal("parameter-missing")
    created, expires, nonce, keyid = named["created"], named["expires"], named["nonce"], named["keyid"]
    if type(created) is not int or type(expires) is not int or created < 0:
        raise Refusal("parameter-type")
    if type(nonce) is not str or not NONCE(nonce) or type(keyid) is not str or not KEY_ID(keyid):
        raise Refusal("parameter-type")
    if named["alg"] != "hmac-sha256":
        raise Refusal("algorithm")
    if named["tag"] != "countersign":
        raise Refusal("tag")
    if mac_parameters:
        raise Refusal("signature-parameters")

    # 4
    if created >= expires or expires - created > max_lifetime:
        raise Refusal("lifetime")
    if type(now) is not int:
        raise Refusal("request-time")
    if created > now + skew:
        raise Refusal("future")
    if now >= expires + skew:
        raise Refusal("expired")

    # 5
    authority = domain_name.lower()
    if host is None or host.lower() != authority or not HOST(authority):
        raise Refusal("host")
    authority = authority.removesuffix(":443")
    if (second_method is not None and second_method != method) or not TOKEN(method):
        raise Refusal("method")
    if not TARGET(target):
        raise Refusal("target")
    path, question, query = target.partition("?")
    if question and not query:
        raise Refusal("target")
    wire_path = path
    if path != shown_path:
        # A REST API removes one of exactly two leading slashes.
        wire_path = path[1:]
        if wire_path != shown_path or not wire_path.startswith("/") or wire_path.startswith("//"):
            raise Refusal("path")
    handed_on = below_base(domain_name, api_id, stage, wire_path, base_paths) if base_paths else None
    if decoded_query(query) != (shown_query or {}):
        raise Refusal("query")

    # 6
    key = keys.get(keyid)
    if key is None:
        raise Refusal("key-unknown")
    secret, not_before, end = key
    if created < not_before or now >= end:
        raise Refusal("key-expired")

    # 7
    values = {
        "@method": method, "@authority": authority, "@path": path, "@query": "?" + query,
        "countersign-viewer-ip": viewer_ip, "content-digest": digest,
    }
    lines = [f'"{item}": {values[item]}' for item in items]
    lines.append('"@signature-params": ' + text)
    if not MAC(mac):
        raise Refusal("signature")
    if not hmac.compare_digest(hmac.digest(secret, "\n".join(lines).encode(), "sha256"), binascii.a2b_base64(mac)):
        raise Refusal("signature")
    if handed_on is None:
        handed_on = below_stage(domain_name, api_id, stage, wire_path, api_path)
    return keyid, viewer_ip, target, digest, handed_on


def received_of(event):
    context = event["requestContext"]
    epoch = context.get("requestTimeEpoch")
    return (
        context["httpMethod"], event.get("httpMethod"), context["domainName"], context["apiId"], context["stage"],
        event["multiValueHeaders"], context["path"], event["path"], event["multiValueQueryStringParameters"],
        epoch // 1000 if type(epoch) is int else None,
    )


NAME = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "authorizer")
ALLOWED = [{
    "Namespace": "Countersign",
    "Dimensions": [["FunctionName"]],
    "Metrics": [{"Name": "Allowed", "Unit": "Count"}, {"Name": "KeySetAge", "Unit": "Seconds"}],
}]
REFUSED = [{
    "Namespace": "Countersign",
    "Dimensions": [["FunctionName"], ["FunctionName", "Reason"]],
    "Metrics": [{"Name": "Refused", "Unit": "Count"}],
}]
WILD = re.compile(r"[*?$]").search
# Without spaces, and made once: json.dumps with such arguments makes an encoder for each call.
encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode


def answer(effect, arn, context):
    parts = arn.split("/", 3)
    if len(parts) < 3 or not arn.startswith("arn:"):
        raise ValueError("the methodArn of the event is not an ARN")
    resource = arn if len(arn) <= 512 and not WILD(arn) else "/".join(parts[:3]) + "/*"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {
        "principalId": "countersign",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
    }


def cloudfront_id(headers):
    """CloudFront's id of the request, if it has the form of one."""
    for name, values in headers.items():
        if len(name) == 11 and name.lower() == "x-amz-cf-id":
            return values[0] if LOGGABLE(values[0]) else None
    return None


def authorize(event, held, log):
    """The answer for an event; `log` gets one line. `held` is (keys, when they were read)."""
    if event.get("type") != "REQUEST" or "version" in event:
        raise ValueError("the event is not that of a REST API")
    keys, read = held
    now = time.time()
    context = event["requestContext"]
    timestamp = datetime.fromtimestamp(now, timezone.utc).isoformat()
    of_request = {"method": context["httpMethod"], "request_id": context["requestId"]}
    cf_id = cloudfront_id(event["multiValueHeaders"])
    if cf_id is not None:
        of_request["x_amz_cf_id"] = cf_id
    try:
        key_id, viewer_ip, target, digest, path = verify(received_of(event), keys)
    except Refusal as refusal:
        reason = str(refusal)
        log(encode({
            "timestamp": timestamp, "level": "WARN", "event": "request-refused", "reason": reason, **of_request,
            "gateway_source_ip": context["identity"]["sourceIp"],
            "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": REFUSED}, "FunctionName": NAME, "Reason": reason,
            "Refused": 1,
        }) + "\n")
        return answer("Deny", event["methodArn"], {})
    age = int(now - read)
    passed_on = {"countersign": "verified", "countersignPath": path, "countersignTarget": target, "countersignKeyId": key_id}
    if digest is not None:
        passed_on["countersignBodyDigest"] = digest
    passed_on["countersignViewerIp"] = passed_on["viewerIp"] = viewer_ip
    admitted = answer("Allow", event["methodArn"], passed_on)
    log(encode({
        "timestamp": timestamp, "level": "INFO", "event": "request-admitted", "key_id": key_id, "key_set_age": age, **of_request,
        "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": ALLOWED}, "FunctionName": NAME, "Allowed": 1,
        "KeySetAge": age,
    }) + "\n")
    return admitted
