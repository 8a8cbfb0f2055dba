"""PyJWT: verifies the tokens on the first line of its input, then mints one for each algorithm."""

import json
import sys
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

given = json.load(sys.stdin)
secret = bytes.fromhex(given["secret"])
ecdsa = ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())
eddsa = ed25519.Ed25519PrivateKey.from_private_bytes(secret)
keys = {"HS256": (secret, secret), "ES256": (ecdsa, ecdsa.public_key()), "EdDSA": (eddsa, eddsa.public_key())}

for alg, token in given["tokens"].items():
    claims = jwt.decode(token, keys[alg][1], algorithms=[alg], issuer=given["issuer"], audience=given["audience"])
    assert claims["sub"] == "dev-7" and claims["place"] == "S\u00fcd-Ost \U0001f321" and claims["degrees"] == -3, claims
    assert claims["tags"] == ['a "quoted" tag', "plain"], claims

now = time.time()
claims = {"iss": given["issuer"], "aud": [given["audience"], "other"], "sub": "dev-7", "iat": now, "exp": now + 300.5}
claims |= {"place": "S\u00fcd \U0001f321", "degrees": -3, "tags": ['a "quoted" tag', "x"]}
json.dump({alg: jwt.encode(claims, keys[alg][0], algorithm=alg) for alg in keys}, sys.stdout)
