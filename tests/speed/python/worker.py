"""What users of Python take instead, as a worker: for each line `NAME ROUNDS` of standard input, the nanoseconds of one round on a
line of standard output. What is logged goes to /dev/null."""

import base64
import gc
import json
import os
import sys
import time

from authorizer import authorize, read_keys
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms

fixtures = sys.argv[1]
log_file = os.open("/dev/null", os.O_WRONLY)


def text(name):
    with open(os.path.join(fixtures, name)) as file:
        return file.read()


def log(line):
    os.write(log_file, line.encode())


def must(right, what):
    assert right, what


parts = json.loads(text("parts.json"))
secret = base64.urlsafe_b64decode(parts["k"] + "==")


class Keys(HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id):
        return secret if key_id == parts["key_id"] else None

    resolve_private_key = resolve_public_key


class Message:
    method = parts["method"]
    url = "https://" + parts["authority"] + parts["target"]
    # The library reads the names of the RFC.
    headers = {name.removeprefix("Countersign-") if "Signature" in name else name: value for name, value in parts["headers"]}


verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=Keys())


def library_verify():
    return verifier.verify(Message, expect_tag="countersign", expect_label="countersign")


def event():
    held = (read_keys(text("keys.json")), time.time())
    given = text("rest.json").encode()
    return lambda: json.dumps(authorize(json.loads(given), held, log)).encode()


BENCHES = {
    "library-verify": (lambda: library_verify, lambda results: must(results[0].label == "countersign", results)),
    "event": (event, lambda answer: must(b'"Allow"' in answer and b'"verified"' in answer, answer)),
}
asked = {}
for line in sys.stdin:
    name, rounds = line.split()
    rounds = int(rounds)
    if name not in asked:
        make, check = BENCHES[name]
        asked[name] = make()
        check(asked[name]())
    act = asked[name]
    gc.collect()
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    for _ in range(rounds):
        act()
    cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
    print("reply " + json.dumps({"ns": cpu / rounds, "wall": wall / rounds}), flush=True)
