"""A timestamping authority that tests make, on loopback."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

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


@contextmanager
def serving(tsa: Authority) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the authority's address on loopback, and how it answers (`granted`, `nonce`, `raw`)."""
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
    try:
        yield f"http://127.0.0.1:{server.server_port}/", how
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
