"""Asks NATS a question, for who runs it: NATS_URL=ADDRESS python nats-ask.py SUBJECT [JSON]

The address is that of a server with a login in it (nats://operator:password@10.0.0.1:4222, or tls:// with TLS); the roots that are trusted are those of
the system, or in the file that SSL_CERT_FILE names. It needs nats-py. docs/CLUSTER.md has the questions.
"""

import asyncio
import json
import logging
import os
import sys

import nats


async def silent(_):
    """What it would print comes back as an exception, too."""


async def main(subject, body=""):
    client = await nats.connect(os.environ["NATS_URL"], allow_reconnect=False, connect_timeout=5, error_cb=silent)
    try:
        answer = json.loads((await client.request(subject, body.encode(), timeout=10)).data)
    finally:
        await client.close()
    print(json.dumps(answer, indent=1))
    return 1 if "error" in answer else 0


# Of no use to whoever asks: that a connection over TLS ends at once.
logging.getLogger("asyncio").setLevel(logging.ERROR)
if len(sys.argv) not in (2, 3) or "NATS_URL" not in os.environ:
    sys.exit(__doc__)
try:
    sys.exit(asyncio.run(main(*sys.argv[1:])))
except Exception as error:
    sys.exit(f"no answer: {error or type(error).__name__}")
