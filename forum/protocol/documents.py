"""DID documents: the handle an account claims, its PDS and its signing key (https://atproto.com/specs/did).

Liberal in what is around, strict in what we take: a wrong type anywhere is as good as absent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from forum.errors import BadInput

_is_multibase = re.compile(r"z[1-9A-HJ-NP-Za-km-z]{1,200}").fullmatch  # base58
_is_host = re.compile(r"[A-Za-z0-9._~-]{1,253}|[0-9A-Fa-f:.]{2,45}").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class DidDocument:
    """What we take from a document. `handle` is only a claim until the handle points back."""

    did: str
    handle: str | None
    pds: str | None
    signing_key: str | None


def read_document(did: str, document: object) -> DidDocument:
    """Raises `BadInput` when it is no document, or another account's."""
    if not isinstance(document, Mapping) or document.get("id") != did:
        raise BadInput("bad_document", f"this is not the DID document of {did}")
    return DidDocument(
        did=did,
        handle=_handle(document.get("alsoKnownAs")),
        pds=_service(did, document.get("service")),
        signing_key=_key(did, document.get("verificationMethod")),
    )


def _handle(names: object) -> str | None:
    """The first at:// name counts, valid or not."""
    for name in _entries(names):
        if isinstance(name, str) and name.startswith("at://"):
            return name.removeprefix("at://").lower()
    return None


def _service(did: str, services: object) -> str | None:
    for entry in _entries(services):
        match entry:
            case {"id": str(name), "type": "AtprotoPersonalDataServer", "serviceEndpoint": str(url)} if name in (
                "#atproto_pds",
                f"{did}#atproto_pds",
            ):
                return origin_of(url)
    return None


def _key(did: str, methods: object) -> str | None:
    for entry in _entries(methods):
        match entry:
            case {"id": str(name), "type": "Multikey", "publicKeyMultibase": str(key)} if name in (
                "#atproto",
                f"{did}#atproto",
            ):
                return key if _is_multibase(key) else None
    return None


def _entries(value: object) -> list[Any]:  # Any: entries are matched one by one
    return value[:100] if isinstance(value, list) else []


def origin_of(url: str) -> str | None:
    """scheme://host[:port] of an http(s) URL that has nothing else; None for anything else."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    bare = parts.path in ("", "/") and not parts.query and not parts.fragment and parts.username is None
    if parts.scheme not in ("http", "https") or not _is_host(parts.hostname or "") or not bare:
        return None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{port}"
