"""A program `aws` that answers from a file, for what the emulators do not hold.

The file is named by COUNTERSIGN_TEST_ANSWERS. It has the whole answer of each call, as AWS gives it, under `SERVICE OPERATION`, or
under `SERVICE OPERATION ARGUMENT` for one with this argument. The expression of `--query` is applied as the command line does it,
with the same library. An answer that is a text is an error. Each call is one line of the file `calls` beside it.
"""

import json
import os
import sys
from pathlib import Path

import jmespath

file = Path(os.environ["COUNTERSIGN_TEST_ANSWERS"])
answers = json.loads(file.read_text())
call = " ".join(sys.argv[1:3])
with file.with_name("calls").open("a") as calls:
    calls.write(call + "\n")
names = [f"{call} {argument}" for argument in sys.argv[3:]] + [call]
answer = next((answers[name] for name in names if name in answers), f"no answer to {call}")
if isinstance(answer, str):
    print(f"\nAn error occurred: {answer}", file=sys.stderr)
    sys.exit(254)
if "--query" in sys.argv:
    answer = jmespath.search(sys.argv[sys.argv.index("--query") + 1], answer)
print(json.dumps(answer))
