"""Which key do the peers sign with, and is a message signed as promised? RSA-2048 for everybody."""

import base64
import functools
import re
from email import message_from_bytes

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

SIGNATURE_BYTES = 2048 // 8


@functools.cache
def private_key() -> str:
    """Return one RSA-2048 key in PEM, made for this run."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def signed_with_rsa_2048(content: bytes, domain: str) -> bool:
    """Does the message carry an rsa-sha256 signature of this domain as long as a 2048-bit key makes it?"""
    # The sink writes lines of its own before the message.
    for value in message_from_bytes(content).get_all("DKIM-Signature", []):
        tags = {
            name.strip(): re.sub(r"\s", "", text) for name, _, text in (tag.partition("=") for tag in value.split(";"))
        }
        if tags.get("a") == "rsa-sha256" and tags.get("d") == domain:
            return len(base64.b64decode(tags.get("b", ""))) == SIGNATURE_BYTES
    return False
