"""Checks that the verifier by hand gives the verdicts of the project's test vectors of REST APIs. Its argument is their folder; it
prints how many it got right, and those that it got wrong."""

import glob
import json
import sys
import traceback

from authorizer import Refusal, read_base_paths, read_keys, verify

right, wrong = 0, []
for file in sorted(glob.glob(sys.argv[1] + "/*.json")):
    for case in json.load(open(file))["cases"]:
        received, policy, path = case["received"], case["policy"], case.get("verified_path")
        if "rest" not in received:
            continue
        headers = {}
        for name, value in received["headers"]:
            headers.setdefault(name, []).append(value)
        rest = received["rest"]
        try:
            verified = verify(
                (
                    received["method"], received.get("second_method"), received["domain_name"], received["api_id"],
                    received["stage"], headers, rest["path"], rest["api_path"], rest["query"], received.get("time"),
                ),
                read_keys(json.dumps(case["keys"])),
                (
                    policy["max_lifetime"], policy["skew"], policy["require_digest"],
                    read_base_paths(policy["base_paths"]),
                ),
            )
            got = ("admitted", path and verified[4])
        except Refusal:
            got = ("refused", None)
        except Exception:
            got = (traceback.format_exc(), None)
        expected = ("admitted", path) if case["verdict"] == "admitted" else ("refused", None)
        if got == expected:
            right += 1
        else:
            wrong.append(f"{case['name']}: {got}, not {expected}")
print(json.dumps({"right": right, "wrong": wrong}))
