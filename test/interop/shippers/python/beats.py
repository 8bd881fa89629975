"""pylogbeat 2.1.0: the Beats protocol, one connection a list. It says nothing about what was not acknowledged but by raising. See ../README.md."""

import os
import time

from pylogbeat import PyLogBeatClient

from lines import CAREFUL, add_fault, document, lists, say

host, port = os.environ["BEATS"].rsplit(":", 1)
delivered = lost = 0
for gathered in lists():
    events = [document(line) for line in gathered]
    while True:
        try:
            with PyLogBeatClient(host, int(port), timeout=30, ssl_enable=False) as client:
                client.send(events)
            delivered += len(gathered)
            break
        except Exception as error:
            add_fault(f"{type(error).__name__}: {error}", len(gathered))
            if not CAREFUL:
                lost += len(gathered)
                break
            time.sleep(1)
say(delivered, lost)
