"""Asking the network who a DID is: its document, its handle in both directions, its hosting status.

Follows https://atproto.com/specs/did, /specs/handle and com.atproto.sync.getRepoStatus. Keeps nothing; see identity.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import dns.asyncresolver
import dns.exception
import dns.resolver

from actors.web_client import WebClient
from forum.accounts import Identity, Status
from forum.errors import BadInput, Unavailable
from forum.protocol.documents import DidDocument, origin_of, read_document
from forum.records.syntax import is_did, is_handle

STATUSES: Mapping[str, Status] = {
    "deactivated": "deactivated",
    "suspended": "suspended",
    "takendown": "takendown",
    "deleted": "deleted",
}
# What a PDS answers instead of a status where it does not serve the repository.
ERRORS: Mapping[str, Status] = {
    "RepoDeactivated": "deactivated",
    "RepoSuspended": "suspended",
    "RepoTakendown": "takendown",
    "RepoNotFound": "deleted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """Where to ask: the PLC directory, and for handles either a resolver service or DNS and the handle's own site."""

    client: WebClient
    plc_url: str
    handle_resolver_url: str | None
    dns_server: str | None
    development: bool
    dns_port: int = 53

    async def ask(self, did: str, *, believed: str | None = None) -> Identity:
        """Everything about an account. Raises `Unavailable` when someone who must be asked does not answer.

        A handle is no such matter: while nobody tells where it points, it is what was `believed` before, or nothing.
        """
        document = await self.document(did)
        if document is None:
            return Identity(did=did, handle=None, pds=None, signing_key=None, status="deleted")
        return Identity(
            did=did,
            handle=await self._confirmed(document, believed),
            pds=document.pds,
            signing_key=document.signing_key,
            status=await self._status(document),
        )

    async def document(self, did: str) -> DidDocument | None:
        """The DID document; None when the directory says the DID is gone (410: a PLC tombstone)."""
        if not is_did(did):
            raise BadInput("bad_did", f"{did} is no DID")
        answer = await self.client.get(self._document_url(did))
        if answer.status == 410:
            return None
        if answer.status != 200:
            raise Unavailable(f"no document of {did}: status {answer.status}")
        return read_document(did, answer.json())

    def _document_url(self, did: str) -> str:
        method, _, name = did.removeprefix("did:").partition(":")
        if method == "plc":
            return f"{self.plc_url.rstrip('/')}/{did}"
        if method == "web" and ":" not in name:
            host = unquote(name)
            local = self.development and host.partition(":")[0] in ("localhost", "127.0.0.1")
            origin = origin_of(f"{'http' if local else 'https'}://{host}")
            if origin is not None:
                return f"{origin}/.well-known/did.json"
        raise BadInput("bad_did", f"the method of {did} is not one we can resolve")

    async def _confirmed(self, document: DidDocument, believed: str | None) -> str | None:
        """The claimed handle if it points back to the DID, else None (shown as handle.invalid)."""
        handle = document.handle
        if handle is None or not is_handle(handle):
            return None
        try:
            return handle if await self.did_of(handle) == document.did else None
        except BadInput:
            return None
        except Unavailable:
            return handle if handle == believed else None

    async def did_of(self, handle: str) -> str | None:
        """The DID a handle points to, None if to none. Raises `Unavailable` when that cannot be told now."""
        if self.handle_resolver_url:
            return await self._ask_resolver(handle)
        return await self._ask_dns(handle) or await self._ask_site(handle)

    async def _ask_resolver(self, handle: str) -> str | None:
        url = f"{(self.handle_resolver_url or '').rstrip('/')}/xrpc/com.atproto.identity.resolveHandle"
        answer = await self.client.get(url, params={"handle": handle})
        if answer.status == 400:
            return None
        if answer.status == 200:
            match answer.json():
                case {"did": str(did)} if is_did(did):
                    return did
        raise Unavailable(f"the handle resolver answered with status {answer.status}")

    async def _ask_dns(self, handle: str) -> str | None:
        """The one did= of the TXT records; several different ones are as good as none (specs/handle)."""
        try:
            resolver = dns.asyncresolver.Resolver(configure=self.dns_server is None)
            if self.dns_server:
                resolver.nameservers = [self.dns_server]
            resolver.port, resolver.lifetime = self.dns_port, 5
            records = await resolver.resolve(f"_atproto.{handle}", "TXT", search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return None
        except (dns.exception.DNSException, ValueError):  # ValueError: resolv.conf says something else than addresses
            return None  # the handle's own site may still say
        texts = {b"".join(record.strings).decode("ascii", "replace") for record in records}
        dids = {text.removeprefix("did=").strip() for text in texts if text.startswith("did=")}
        return dids.pop() if len(dids) == 1 else None

    async def _ask_site(self, handle: str) -> str | None:
        answer = await self.client.get(f"https://{handle}/.well-known/atproto-did", max_bytes=4_096)
        if answer.status >= 500:
            raise Unavailable(f"{handle} answered with status {answer.status}")
        did = answer.body.decode("ascii", "replace").strip()
        return did if answer.status == 200 and is_did(did) else None

    async def _status(self, document: DidDocument) -> Status:
        """What the account's present PDS says; an account without one is as good as deactivated."""
        if document.pds is None:
            return "deactivated"
        url = f"{document.pds}/xrpc/com.atproto.sync.getRepoStatus"
        answer = await self.client.get(url, params={"did": document.did})
        match answer.json():
            case {"active": True} if answer.status == 200:
                return "active"
            case {"status": str(status)} if answer.status == 200 and status in STATUSES:
                return STATUSES[status]
            case {"error": str(error)} if answer.status == 400 and error in ERRORS:
                return ERRORS[error]
        raise Unavailable(f"{document.pds} does not tell the status of {document.did} ({answer.status})")
