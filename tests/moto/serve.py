"""moto's server on a free port of loopback, for the tests that ask it.

Writes one line to standard output, its port, once it answers there, and nothing else. It ends when its standard input does,
which is when the process that has started it ends, however that happens: so it can never be left behind.

moto forgets the Lambda functions of a cache behavior. Here they are kept.
"""

import logging
import sys
import urllib.request
import warnings

from moto.cloudfront.models import DefaultCacheBehaviour
from moto.server import ThreadedMotoServer

# Werkzeug logs every request, and a traceback for each that moto cannot serve. The caller sees those by their answers.
logging.getLogger("werkzeug").disabled = True
warnings.simplefilter("ignore")

make = DefaultCacheBehaviour.__init__


def make_with_functions(self, config):
    make(self, config)
    self.lambda_function_associations = config.get("LambdaFunctionAssociations") or {"Quantity": 0}


DefaultCacheBehaviour.__init__ = make_with_functions

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
# Its threads are daemons: they end with this one, requests and all.
server.start()
_, port = server.get_host_and_port()
with urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/data.json", timeout=30) as answer:
    answer.read()
print(port, flush=True)
sys.stdin.buffer.read()
