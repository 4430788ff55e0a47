"""Runs snippets of Python, which come as lines of JSON, one after the other in one namespace. Answers each with one line:
what the snippet left in `result`, or the exception that ended it."""
import json
import os
import sys
import textwrap

# What libraries print goes to stderr; the answers alone to stdout.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

namespace: dict = {}
for line in sys.stdin:
    request = json.loads(line)
    namespace.update(request["values"], result=None)
    try:
        exec(textwrap.dedent(request["code"]), namespace)
        answer = json.dumps({"result": namespace["result"]})
    except Exception as error:
        bases = [base.__name__ for base in type(error).__mro__]
        answer = json.dumps({"error": {"types": bases, "message": str(error)}})
    print(answer, file=answers, flush=True)
