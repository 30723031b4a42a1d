#!/usr/bin/env python3
"""Make the golden ticket of tests/unit/test_ticket.c from site-docs/ticket-format.md alone, with another crypto library.

Needs python3-cryptography. Prints the site's private key line and the ticket; all inputs are fixed, so the output is too.
"""
import base64
import hashlib
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def hkdf(ikm, salt, info, length):
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(ikm)


site = X25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
site_pub = site.public_key().public_bytes_raw()
key_id = hashlib.sha256(site_pub).digest()[:8]
ephemeral = X25519PrivateKey.from_private_bytes(bytes(range(101, 133)))
eph_pub = ephemeral.public_key().public_bytes_raw()

master_key = bytes(range(32))
ticket_id = bytes.fromhex("00112233445566778899aabbccddeeff")
issued, expires, uid, mode = 1750000000, 1750604800, 1001, 1
path, view, user = b"/home/alice/dir.crypt", b"dir", b"/home/alice/dir"

identity = hkdf(master_key, None, b"cryptstore store identity v1", 16)
body = struct.pack(">BBBBIQQ", 1, 1, mode, 0, uid, issued, expires) + ticket_id + key_id + identity + master_key
body += struct.pack(">HHHH", len(path), len(view), len(user), 0) + path + view + user
body += bytes(-len(body) % 256)

match = hashlib.sha256(b"cryptstore ticket match v1" + ticket_id + bytes([mode])
                       + path + b"\0" + view + b"\0" + user + b"\0").digest()[:16]
header = b"CSTK" + struct.pack(">BBH", 1, 1, len(body)) + key_id + ticket_id + struct.pack(">QQ", issued, expires)
header += match + eph_pub
assert len(header) == 96

shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(site_pub))
okm = hkdf(shared, eph_pub + site_pub, b"cryptstore ticket seal v1", 44)
box = header + AESGCM(okm[:32]).encrypt(okm[32:], body, header)
print("cryptstore-private v1", key_id.hex(), base64.b64encode(bytes(range(1, 33))).decode(), 1749000000, "-")
print("identity", identity.hex())
print("cryptstore1." + base64.urlsafe_b64encode(box).rstrip(b"=").decode())
