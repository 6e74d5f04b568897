"""A directory, a handle resolver and a PDS in one: they confirm every account that is asked about.

The cheapest answers that are true to form, so that identities are resolved as they would be, at the daemon's cost.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KEY = "zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF"
DOMAIN = ".bench.test"


class Handler(BaseHTTPRequestHandler):
    """Answers the three questions of an identity."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = json.dumps(self.answer(parts.path, asked)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, path: str, asked: dict[str, str]) -> dict[str, object]:
        match path.rpartition("/")[2]:
            case "com.atproto.identity.resolveHandle":
                return {"did": f"did:plc:{asked['handle'].removesuffix(DOMAIN)}"}
            case "com.atproto.sync.getRepoStatus":
                return {"did": asked["did"], "active": True}
            case did:
                return document(did, f"http://{self.headers['Host']}")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def document(did: str, pds: str) -> dict[str, object]:
    """The DID document of an account that lives here."""
    return {
        "id": did,
        "alsoKnownAs": [f"at://{did.removeprefix('did:plc:')}{DOMAIN}"],
        "verificationMethod": [
            {"id": f"{did}#atproto", "type": "Multikey", "controller": did, "publicKeyMultibase": KEY}
        ],
        "service": [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": pds}],
    }


@contextmanager
def directory() -> Iterator[str]:
    """Its origin, for the time of the block."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}"
        server.shutdown()
