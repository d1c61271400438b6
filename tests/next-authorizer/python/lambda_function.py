# The same as ../node/index.mjs, in Python.

import json
import os
import time

HOSTILE = {
    "countersign": "verified",
    "countersignPath": "/admin",
    "COUNTERSIGNTARGET": "/admin",
    "viewerIp": "192.0.2.66",
    "jwt_sub": "root",
    "tenant": "own",
}


def asked(event):
    if event["type"] == "TOKEN":
        return event["authorizationToken"]
    return next((value for name, value in event["headers"].items() if name.lower() == "x-do"), None)


def answer(event, allowed, context):
    if event.get("version") == "2.0":
        return {"isAuthorized": allowed, "context": context}
    effect = "Allow" if allowed else "Deny"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": "user", "policyDocument": document, "context": context}


def with_resource(event, resource, allowed_if_simple):
    changed = answer(event, True, {})
    if "policyDocument" in changed:
        changed["policyDocument"]["Statement"][0]["Resource"] = resource
    else:
        changed["isAuthorized"] = allowed_if_simple
    return changed


def throw(error):
    raise error


def show(event):
    print("event", json.dumps(event), flush=True)
    return answer(event, True, {})


WAYS = {
    "allow": lambda event: answer(event, True, {"tenant": "own", "number": 1.5, "flag": True}),
    "deny": lambda event: answer(event, False, {"tenant": "own"}),
    "unauthorized": lambda event: throw(Exception("Unauthorized")),
    "throws": lambda event: throw(TypeError(f"no access with {event['headers']}")),
    "slow": lambda event: time.sleep(60),
    "crash": lambda event: os._exit(7),
    "hostile": lambda event: answer(event, True, HOSTILE),
    "huge": lambda event: answer(event, True, {"tenant": "x" * 100_000}),
    "large": lambda event: answer(event, True, {"tenant": "x" * 8_100}),
    "everything": lambda event: with_resource(event, "*", True),
    "other": lambda event: with_resource(event, event.get("methodArn", "") + "/other", False),
    "null": lambda event: None,
    "text": lambda event: "Allow",
    "list": lambda event: [answer(event, True, {})],
    "types": lambda event: {**answer(event, True, {}), "isAuthorized": "true", "principalId": 7},
    "context": lambda event: answer(event, True, "tenant"),
    "print": show,
}


def lambda_handler(event, context):
    return WAYS[asked(event)](event)
