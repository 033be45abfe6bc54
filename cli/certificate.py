"""Which certificate do the SMTP ports show before somebody sets a real one? A self-signed one of our own."""

import datetime
import ipaddress
import os
from pathlib import Path

from cli.once import write_once

# A browser or mail client that trusts it once should not be asked again before the machine is replaced.
_YEARS = 10


def ensure(data_dir: Path, mail_domain: str) -> Path:
    """The PEM file with key and certificate for localhost, *.localhost and the mail domain; made if missing.

    One file, so that key and certificate can never be of two generations. Raises OSError where it cannot be written.
    """
    file = data_dir / "tls" / f"{mail_domain}.pem"
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_once(file, _make(mail_domain))
    return file


def _make(mail_domain: str) -> str:
    # Imported here, because it costs 0.1 s and is needed at the first start only.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, mail_domain)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(host) for host in dict.fromkeys((mail_domain, "localhost", "*.localhost"))]
    addresses = [x509.IPAddress(ipaddress.ip_address(ip)) for ip in ("127.0.0.1", "::1")]
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(os.urandom(16)))
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
        .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode() + certificate.public_bytes(serialization.Encoding.PEM).decode()
