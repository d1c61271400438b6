"""LocalStack on a free port of loopback, without Docker, for the tests that deploy to it.

Writes one line to standard output, its port, once it is ready, and nothing else; what it says goes to standard error. It ends when
its standard input does, which is when the process that has started it ends, however that happens: so it can never be left
behind. What it keeps is in a temporary folder, which goes with it.
"""

import os
import shutil
import socket
import sys
import tempfile
import threading

folder = tempfile.mkdtemp(prefix="localstack-")
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]

# LocalStack reads its configuration when it is loaded: https://docs.localstack.cloud/references/configuration/
os.environ |= {
    "GATEWAY_LISTEN": f"127.0.0.1:{port}",
    "PROVIDER_OVERRIDE_CLOUDFORMATION": "engine-v2",
    # It asks for nothing outside of this machine, and tells nobody that it runs.
    "DISABLE_EVENTS": "1",
    "SKIP_SSL_CERT_DOWNLOAD": "1",
    "DNS_ADDRESS": "0",
    # Everything that it writes.
    "HOME": folder,
    "TEMP": folder,
    "TMP": folder,
    "TMPDIR": folder,
    "FILESYSTEM_ROOT": f"{folder}/root",
    "LOCALSTACK_VOLUME_DIR": f"{folder}/volume",
    "LS_LOG": "error",
}
tempfile.tempdir = folder
answers, sys.stdout = sys.stdout, sys.stderr

sys.path.append(os.path.dirname(__file__))
sys.dont_write_bytecode = True
from localstack.runtime import events, main
from mended import mend

mend(f"{folder}/buckets")


def tell():
    events.infra_ready.wait()
    print(port, file=answers, flush=True)


def end():
    sys.stdin.buffer.read()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


for task in (tell, end):
    threading.Thread(target=task, daemon=True).start()
try:
    main.main()
finally:
    # It did not start, and says so.
    shutil.rmtree(folder, ignore_errors=True)
