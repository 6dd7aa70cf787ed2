"""
Timestamps by a third party: when a seal existed, as a timestamping authority attests (RFC 3161).

The authority sees a hash and nothing else. Source: C. Adams, P. Cain, D. Pinkas, R. Zuccherato, "Internet X.509 Public Key
Infrastructure Time-Stamp Protocol", RFC 3161 (2001). Needs the extra `evidence`.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

from stillhunt.errors import ConfigError, SealError
from stillhunt.seal.keys import need

TIMEOUT_S = 30.0
LARGEST_ANSWER = 1 << 20


def stamped(url: str, data: bytes) -> bytes:
    """
    Return an authority's answer (DER) for some bytes, of which it is sent the SHA-512.

    Raises `SealError` when it cannot be reached or does not grant a timestamp.
    """
    client = need("rfc3161_client")
    request = client.TimestampRequestBuilder().data(data).build()
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"{url}: a timestamping authority has an address that begins with https:// or http://.\nCorrect it.")
    asked = urllib.request.Request(
        url, data=request.as_bytes(), headers={"Content-Type": "application/timestamp-query"}, method="POST"
    )
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read(LARGEST_ANSWER)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise SealError(
            f"{url}: the timestamping authority cannot be reached ({type(error).__name__}).\n"
            "Try again, name another, or seal without `--timestamp`."
        ) from error
    response = _decoded(content, url)
    if client.PKIStatus(response.status) != client.PKIStatus.GRANTED or response.tst_info.nonce != request.nonce:
        raise SealError(f"{url}: the timestamping authority did not grant what was asked.\nTry again, or name another.")
    return content


def claimed_time(token: bytes, place: str) -> datetime:
    """Return the time that an answer names, unchecked."""
    time: datetime = _decoded(token, place).tst_info.gen_time
    return time


def verified_time(token: bytes, data: bytes, roots: Path, place: str) -> datetime:
    """
    Return when some bytes existed, as attested by an authority whose certificate leads to one of the roots (PEM).

    Raises `SealError` when the answer is not for these bytes or does not verify, `ConfigError` when there is no root.
    """
    client, x509 = need("rfc3161_client"), need("cryptography.x509")
    try:
        certificates = x509.load_pem_x509_certificates(roots.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{roots}: there is no certificate in PEM here.\nGive the authority's root certificate.") from error
    response = _decoded(token, place)
    builder = client.VerifierBuilder()
    for certificate in certificates:
        builder = builder.add_root_certificate(certificate)
    try:
        builder.build().verify_message(response, data)
    except (client.VerificationError, ValueError) as error:
        raise SealError(
            f"{place}: the timestamp does not verify ({error}).\nIt is not for this seal, or not by this authority."
        ) from error
    time: datetime = response.tst_info.gen_time
    return time


def _decoded(token: bytes, place: str) -> Any:
    client = need("rfc3161_client")
    try:
        return client.decode_timestamp_response(token)
    except ValueError as error:
        raise SealError(f"{place}: this is no answer of a timestamping authority.\nTry again, or name another.") from error
