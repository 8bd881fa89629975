"""helpers.bulk (HELPER=streaming: helpers.streaming_bulk) of PyPI elasticsearch, whichever version the interpreter has. See ../README.md."""

import os
import time
import uuid

from elasticsearch import Elasticsearch, helpers

from lines import CAREFUL, INDEX, URL, add_fault, document, lists, say

client = Elasticsearch([URL])
delivered = lost = 0


def once(gathered):
    """With its defaults: what it raises at is gone."""
    global delivered, lost
    actions = ({"_index": INDEX, "_source": document(line)} for line in gathered)
    came = 0
    try:
        if os.environ.get("HELPER") == "streaming":
            for ok, item in helpers.streaming_bulk(client, actions):
                came += ok
        else:
            came = helpers.bulk(client, actions)[0]
    except Exception as error:
        add_fault(f"{type(error).__name__}: {error}", len(gathered) - came)
    delivered += came
    lost += len(gathered) - came


def until_in(gathered):
    """Again and again until each is in, as `create` with ids of our own, so that what was in already is told apart."""
    global delivered
    left = [{"_op_type": "create", "_index": INDEX, "_id": str(uuid.uuid4()), "_source": document(line)} for line in gathered]
    while True:
        try:
            _, failed = helpers.bulk(client, [dict(one) for one in left], raise_on_error=False, raise_on_exception=True, max_retries=5)
            again = {item["create"]["_id"] for item in failed if item["create"]["status"] != 409}
            left = [one for one in left if one["_id"] in again]
            for item in failed:
                add_fault(f"again: {item['create']['status']}")
        except Exception as error:
            add_fault(f"again: {type(error).__name__}: {error}", len(left))
        if not left:
            break
        time.sleep(1)
    delivered += len(gathered)


for gathered in lists():
    (until_in if CAREFUL else once)(gathered)
say(delivered, lost)
