"""Answers commands in the place of a program, and writes down how they were called.

Its arguments are a folder, the name of the program, the program itself or nothing, and the program's arguments. `answers.json` in
the folder lists the answers: {"program": NAME, "has": [ARGUMENT, …], "out": TEXT, "err": TEXT, "status": NUMBER, "runs": [WORD, …]}.
The first whose arguments were all given is taken, `calls.jsonl` gets the call, and then `runs`, if there is one, is run. A call
without an answer goes to the program. If there is no program, it fails.
"""

import json
import os
import subprocess
import sys

folder, name, program, *arguments = sys.argv[1:]

with open(f"{folder}/answers.json") as file:
    answers = json.load(file)
for answer in answers:
    if answer["program"] == name and all(word in arguments for word in answer["has"]):
        with open(f"{folder}/calls.jsonl", "a") as file:
            print(json.dumps([name, *arguments]), file=file)
        sys.stdout.write(answer.get("out", ""))
        sys.stdout.flush()
        sys.stderr.write(answer.get("err", ""))
        status = subprocess.run(answer["runs"]).returncode if "runs" in answer else 0
        sys.exit(answer.get("status", status))
if program:
    os.execv(program, [program, *arguments])
sys.exit(f"{name}: nobody answers {arguments}")
