"""The secret of sessions: the operator's, or one made once for development."""

import os
import secrets
from pathlib import Path

from daemon.errors import SettingsError
from daemon.settings import Settings


def session_secret(settings: Settings) -> str:
    """At least 32 characters. Raises `SettingsError` when a real forum has none."""
    if settings.session_secret is not None:
        return settings.session_secret.get_secret_value()
    if not settings.atbb_development:
        raise SettingsError("SESSION_SECRET must be set: at least 32 characters, such as `openssl rand -hex 32` gives.")
    return kept_secret(settings.atbb_data_dir / "session_secret")


def kept_secret(file: Path) -> str:
    """The content of the file, which is made with a fresh secret if it is not there."""
    file.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="ascii")
    with open(descriptor, "w", encoding="ascii") as out:
        out.write(secret := secrets.token_hex(32))
    return secret
