# The runtime of a user's function in Python. Its arguments are the module's file and the name of the handler. As Lambda's own
# runtime it reports an error with the type and the message of its own.

import http.client
import importlib.util
import json
import os
import sys
import threading
import time
import traceback

_, path, name = sys.argv
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
connection = http.client.HTTPConnection(host, int(port))


def end_with_the_starter():
    sys.stdin.buffer.read()
    os._exit(0)


# It ends when the program has ended that started it.
threading.Thread(target=end_with_the_starter, daemon=True).start()


def ask(method, path, body=None):
    connection.request(method, f"/2018-06-01/runtime/{path}", body)
    answer = connection.getresponse()
    return answer.headers, answer.read()


def tell(path, body):
    # What was logged before is written by then.
    sys.stdout.flush()
    sys.stderr.flush()
    ask("POST", path, body.encode())


def thrown(error):
    return {"errorType": type(error).__name__, "errorMessage": str(error)}


class Context:
    def __init__(self, headers):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers["lambda-runtime-invoked-function-arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self._deadline = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline - int(time.time() * 1000))


if sys.version_info < (3, 9):
    found = ".".join(map(str, sys.version_info[:3]))
    tell("init/error", json.dumps({"errorType": "OldPython", "errorMessage": f"`python3` is {found}"}))
    sys.exit(1)
try:
    sys.path.insert(0, os.getcwd())
    spec = importlib.util.spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    handler = getattr(module, name)
except BaseException as error:
    message = f"{type(error).__name__}: {error}"
    tell("init/error", json.dumps({"errorType": type(error).__name__, "errorMessage": message}))
    sys.exit(1)

while True:
    headers, text = ask("GET", "invocation/next")
    kind = "response"
    try:
        answer = json.dumps(handler(json.loads(text), Context(headers)))
    except Exception as error:
        kind = "error"
        traceback.print_exc()
        answer = json.dumps(thrown(error))
    tell(f"invocation/{headers['lambda-runtime-aws-request-id']}/{kind}", answer)
