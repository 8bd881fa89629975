"""Lines of the standard input in lists, the documents made of them, and what is said at the end. See ../README.md."""

import collections
import datetime
import json
import os
import queue
import sys
import threading
import time

URL, INDEX, CAREFUL = os.environ["ES_URL"], os.environ["INDEX"], bool(os.environ.get("CAREFUL"))

faults = collections.Counter()


def add_fault(fault, count=1):
    words = str(fault)[:120]
    if words in faults or len(faults) < 8:
        faults[words] += count


def lists(most=500, longest=1.0):
    """At most so many lines, and each list complete after a second at the latest: what an application that logs would gather."""
    waiting = queue.Queue(most)

    def read():
        for line in sys.stdin:
            waiting.put(line.rstrip("\n"))
        waiting.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        gathered, until = [], time.monotonic() + longest
        while len(gathered) < most:
            try:
                line = waiting.get(timeout=max(0.01, until - time.monotonic()))
            except queue.Empty:
                break
            if line is None:
                if gathered:
                    yield gathered
                return
            gathered.append(line)
        if gathered:
            yield gathered


def document(line):
    return {"@timestamp": datetime.datetime.now(datetime.timezone.utc).isoformat(), "message": line, "log.level": "info"}


def say(delivered, lost):
    print("said " + json.dumps({"delivered": delivered, "lost": lost, "faults": dict(faults)}), flush=True)
