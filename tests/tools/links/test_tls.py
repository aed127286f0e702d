"""TLS of links: who offers another version than 1.2 is refused, and so is a certificate that nobody vouches for."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tools.links import tls

V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, str]:
    """A server's certificate with its key in a file, and the certificate as text."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("broker")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    text = made.public_bytes(serialization.Encoding.PEM)
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("tls") / "broker.pem"
    path.write_bytes(text + key.private_bytes(serialization.Encoding.PEM, form, plain))
    return path, text.decode()


def shake_hands(
    client: ssl.SSLContext, path: Path, least: ssl.TLSVersion, most: ssl.TLSVersion, name: str = "broker"
) -> str | None:
    """The version that both agree on. Raises ssl.SSLError."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    server.minimum_version, server.maximum_version = least, most
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname=name), server.wrap_bio(up, down, server_side=True)]
    done: list[ssl.SSLObject] = []
    while len(done) < 2:
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            if end not in done:
                done.append(end)
    return ends[0].version()


@pytest.mark.req("S-169")
def test_it_is_version_1_2_whatever_else_is_offered(files) -> None:
    path, text = files
    assert shake_hands(tls.context(text), path, V1_2, V1_2) == "TLSv1.2"
    assert shake_hands(tls.context(text), path, V1_2, V1_3) == "TLSv1.2"


@pytest.mark.req("S-169")
def test_every_other_version_is_refused(files) -> None:
    path, text = files
    with pytest.raises(ssl.SSLError):
        shake_hands(tls.context(text), path, V1_3, V1_3)
    for old in ("TLSv1", "TLSv1_1"):
        version = ssl.TLSVersion[old]
        with pytest.warns(DeprecationWarning, match="deprecated"), pytest.raises(ssl.SSLError):
            shake_hands(tls.context(text), path, version, version)


def test_a_certificate_that_nobody_vouches_for_or_of_another_name_is_refused(files) -> None:
    path, text = files
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tls.context(), path, V1_2, V1_2)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tls.context(text), path, V1_2, V1_2, name="another")


@pytest.mark.req("S-169", part=True)
def test_no_link_has_a_context_of_its_own() -> None:
    tools = Path(tls.__file__).resolve().parents[1]
    made = [path for path in tools.rglob("*.py") if "SSLContext(" in (text := path.read_text()) or "default_context" in text]
    assert made == [Path(tls.__file__).resolve()]
    assert "tls_context=tls.context()" in (tools / "links" / "mqtt.py").read_text()
