"""CMRESHandler 1.0.0 (of PyPI CMRESHandler) on the logging of Python, with its defaults but for the size of its buffer. See ../README.md."""

import logging
from urllib.parse import urlsplit

from cmreslogging.handlers import CMRESHandler

from lines import INDEX, URL, lists, say

where = urlsplit(URL)
handler = CMRESHandler(
    hosts=[{"host": where.hostname, "port": where.port}],
    auth_type=CMRESHandler.AuthType.NO_AUTH,
    es_index_name=INDEX,
    buffer_size=500,
    raise_on_indexing_exceptions=False,
)
log = logging.getLogger("app")
log.setLevel(logging.INFO)
log.propagate = False
log.addHandler(handler)
count = 0
for gathered in lists():
    for line in gathered:
        log.info(line)
    count += len(gathered)
handler.close()
say(count, 0)
