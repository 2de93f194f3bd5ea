"""A time stamp (RFC 3161) on a head: an authority that nobody here controls says that it existed at that time."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Final

import rfc3161_client
from cryptography import x509

from linewatch.errors import ChainError, InputError

REQUEST_TYPE: Final = "application/timestamp-query"
RESPONSE_TYPE: Final = "application/timestamp-reply"


def stamp_request(head: bytes) -> bytes:
    """What to send to the authority for a head file of these bytes; it sees their SHA-256 and nothing else."""
    builder = rfc3161_client.TimestampRequestBuilder().data(head)
    return builder.hash_algorithm(rfc3161_client.HashAlgorithm.SHA256).build().as_bytes()


def stamp_time(head: bytes, stamp: bytes, name: str) -> datetime:
    """When the authority says that it saw this head; its signature is not checked. Raises `ChainError`."""
    response = _decoded(stamp, name)
    if rfc3161_client.PKIStatus(response.status) != rfc3161_client.PKIStatus.GRANTED:
        raise ChainError(
            f"{name}: the authority did not grant a stamp ({', '.join(response.status_string) or 'no word'})"
        )
    if response.tst_info.message_imprint.message != hashlib.sha256(head).digest():
        raise ChainError(f"{name}: it is the stamp of another head")
    return response.tst_info.gen_time


def check_stamp(head: bytes, stamp: bytes, roots: Path, name: str) -> datetime:
    """The same, with the authority's signature checked up to one of the root certificates in a PEM file.

    Raises `ChainError` where it does not hold, `InputError` where the file holds no certificates.
    """
    moment = stamp_time(head, stamp, name)
    try:
        certificates = x509.load_pem_x509_certificates(roots.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{roots}: found no certificates ({error}); allowed: PEM") from error
    builder = rfc3161_client.VerifierBuilder()
    for certificate in certificates:
        builder = builder.add_root_certificate(certificate)
    try:
        builder.build().verify(_decoded(stamp, name), hashlib.sha256(head).digest())
    except (rfc3161_client.VerificationError, ValueError) as error:
        raise ChainError(f"{name}: its signature does not hold ({error})") from error
    return moment


def _decoded(stamp: bytes, name: str) -> rfc3161_client.TimeStampResponse:
    try:
        return rfc3161_client.decode_timestamp_response(stamp)
    except ValueError as error:
        raise ChainError(f"{name}: found no time stamp ({error})") from error
