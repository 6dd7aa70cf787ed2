"""Timestamps: an authority that the test makes, on loopback, and everything that must not pass for one."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stillhunt.errors import ConfigError, SealError
from stillhunt.seal.canonical import canonical, read
from stillhunt.seal.dossier import TIMESTAMP, TIMESTAMP_TYPE, seal_dossier
from stillhunt.seal.envelope import opened
from stillhunt.seal.keys import generate
from stillhunt.seal.timestamp import claimed_time, stamped, verified_time

TIME = datetime(2026, 4, 1, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Authority:
    """A timestamping authority: its root as a PEM file, its own certificate and key."""

    root: Path
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


def authority(folder: Path) -> Authority:
    """Make a root and the certificate of an authority under it."""
    keys = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("test root", "test authority")]
    begin, end = datetime.now(UTC) - timedelta(days=400), datetime.now(UTC) + timedelta(days=400)
    built = []
    for i in range(2):
        builder = x509.CertificateBuilder(names[0], names[i], keys[i].public_key(), 1 + i, begin, end)
        builder = builder.add_extension(x509.BasicConstraints(ca=i == 0, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[i].public_key()), critical=False)
        if i:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(usage, critical=True)
        built.append(builder.sign(keys[0], hashes.SHA256()))
    root = folder / "root.pem"
    root.write_bytes(built[0].public_bytes(serialization.Encoding.PEM))
    return Authority(root=root, certificate=built[1], key=keys[1])


def answered(tsa: Authority, query: bytes, *, granted: bool = True, nonce: int | None = None) -> bytes:
    """Return the authority's answer to a query, as RFC 3161 describes it."""
    if not granted:
        return tsp.TimeStampResp({"status": {"status": "rejection"}}).dump()  # type: ignore[no-any-return]
    asked = tsp.TimeStampReq.load(query)
    info = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": "1.3.6.1.4.1.99999.1",
            "message_imprint": asked["message_imprint"],
            "serial_number": 7,
            "gen_time": TIME,
            "nonce": asked["nonce"].native if nonce is None else nonce,
        }
    )
    certificate = asn1_x509.Certificate.load(tsa.certificate.public_bytes(serialization.Encoding.DER))
    digest = hashlib.sha512(info.dump()).digest()
    essence = tsp.SigningCertificateV2(
        {"certs": [{"hash_algorithm": {"algorithm": "sha512"}, "cert_hash": hashlib.sha512(certificate.dump()).digest()}]}
    )
    attributes = cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
            cms.CMSAttribute({"type": "message_digest", "values": [digest]}),
            cms.CMSAttribute({"type": "signing_time", "values": [cms.Time({"utc_time": TIME})]}),
            cms.CMSAttribute({"type": "signing_certificate_v2", "values": [essence]}),
        ]
    )
    signature = tsa.key.sign(attributes.dump(), padding.PKCS1v15(), hashes.SHA512())
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha512"})],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(info.dump())},
            "certificates": [certificate],
            "signer_infos": [
                {
                    "version": "v1",
                    "sid": cms.SignerIdentifier(
                        {
                            "issuer_and_serial_number": {
                                "issuer": certificate.issuer,
                                "serial_number": certificate.serial_number,
                            }
                        }
                    ),
                    "digest_algorithm": {"algorithm": "sha512"},
                    "signed_attrs": attributes,
                    "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"},
                    "signature": signature,
                }
            ],
        }
    )
    token = cms.ContentInfo({"content_type": "signed_data", "content": signed})
    return tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that readers of these tests trust."""
    return authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def served(tsa: Authority) -> Iterator[tuple[str, dict[str, Any]]]:
    """The authority's address on loopback, and how it answers (`granted`, `nonce`)."""
    how: dict[str, Any] = {}

    class Answer(BaseHTTPRequestHandler):
        """Answers every request as the test says."""

        def do_POST(self) -> None:
            """Stamp what was posted, or send what the test wants sent."""
            query = self.rfile.read(int(self.headers["Content-Length"]))
            content = answered(tsa, query, **how) if how.get("raw") is None else how["raw"]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", how
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_timestamp_says_when_data_existed(served: tuple[str, dict[str, Any]], tsa: Authority) -> None:
    """What the authority answers verifies under its root, for these bytes and no others."""
    token = stamped(served[0], b"a seal")
    assert claimed_time(token, "t") == TIME
    assert verified_time(token, b"a seal", tsa.root, "t") == TIME
    with pytest.raises(SealError, match="does not verify"):
        verified_time(token, b"another seal", tsa.root, "t")


def test_another_authority_does_not_count(served: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    """A timestamp whose certificate does not lead to a trusted root is refused."""
    token = stamped(served[0], b"a seal")
    with pytest.raises(SealError, match="does not verify"):
        verified_time(token, b"a seal", authority(tmp_path).root, "t")
    with pytest.raises(ConfigError, match="no certificate"):
        verified_time(token, b"a seal", tmp_path / "none.pem", "t")


@pytest.mark.parametrize("how", [{"granted": False}, {"nonce": 5}, {"raw": b"<html>"}])
def test_an_answer_that_is_none_is_refused(served: tuple[str, dict[str, Any]], how: dict[str, Any]) -> None:
    """A rejection, an answer to another question, and a web page are not timestamps."""
    served[1].update(how)
    try:
        with pytest.raises(SealError):
            stamped(served[0], b"a seal")
    finally:
        served[1].clear()


def test_an_authority_that_cannot_be_reached_is_said() -> None:
    """Nobody listening, or an address of another kind, is an error with the next step."""
    with pytest.raises(SealError, match="seal without `--timestamp`"):
        stamped("http://127.0.0.1:9/", b"a seal")
    with pytest.raises(ConfigError, match="begins with https"):
        stamped("file:///etc/hostname", b"a seal")


def test_a_dossier_is_sealed_with_a_timestamp(
    served: tuple[str, dict[str, Any]], tsa: Authority, tmp_path: Path
) -> None:
    """The authority's answer lies in an envelope by the signer, verifies for the seal's signature, and no bit of it can turn."""
    from stillhunt.verify.checks import FAILS, HOLDS, NOT_MADE, Trust, integrity

    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "dossier.json").write_bytes(canonical({"numbers": []}))
    signer = generate(tmp_path / "key", None)
    seal_dossier(tmp_path / "d", signer=signer, now=TIME, timestamp=served[0])
    content = (tmp_path / "d" / TIMESTAMP).read_bytes()
    token, _ = opened(read(content, "t"), [signer.public], TIMESTAMP_TYPE, "t")
    assert claimed_time(token, "t") == TIME
    files = {p.name: p.read_bytes() for p in (tmp_path / "d").iterdir()}
    by = {c.name: c for c in integrity(files, Trust(tsa_roots=tsa.root))}
    assert by["timestamp"].status == HOLDS and "2026-04-01 12:30:00Z" in by["timestamp"].found
    assert {c.name: c.status for c in integrity(files, Trust())}["timestamp"] == NOT_MADE
    for at in range(0, len(content), 97):
        changed = bytearray(content)
        changed[at] ^= 1 << at % 8
        checks = integrity({**files, TIMESTAMP: bytes(changed)}, Trust())
        assert any(c.status == FAILS and TIMESTAMP in c.found for c in checks), at
