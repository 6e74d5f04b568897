"""The settings: one frozen object, each value with its origin, and one sentence when something is wrong.

Sources, the first that has a name wins: the environment, a file (`--config`, ATBB_CONFIG, else ./atbb.toml, else
./.env), systemd credentials. Nothing else in the program reads its configuration. What each setting must be is its
`description`, and the sentences of errors are made of it.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from daemon.errors import SettingsError
from daemon.setting_values import (
    STREAM_PATHS,
    check_database,
    check_did,
    check_handle,
    check_host,
    check_network,
    check_origin,
    check_server,
    check_stream,
    is_loopback,
    split_words,
)

MASK = "••••"
ALIASES = {"jetstream_url": "firehose_url"}
DEFAULT_FILES = ("atbb.toml", ".env")
# Empty says: ask no relay; join by approval. Elsewhere an empty value is as good as none.
MAY_BE_EMPTY = frozenset({"relay_url", "default_member_role"})
HTTP_SETTINGS = ("pds_url", "oauth_public_url", "plc_url", "handle_resolver_url", "relay_url")


Did = Annotated[str, AfterValidator(check_did)]
Origin = Annotated[str, AfterValidator(check_origin)]
Words = BeforeValidator(split_words)
LongSecret = Annotated[SecretStr, Field(min_length=32)]


class Settings(BaseSettings):
    """Every setting, by its name in lower case; docs/operating.md tells operators of each."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    database_url: Annotated[SecretStr, AfterValidator(check_database)] | None = Field(
        None, description="a URL such as postgresql://user:password@host/name"
    )
    forum_did: Did | None = Field(None, description="a DID such as did:plc:… or did:web:…")
    forum_handle: Annotated[str, AfterValidator(check_handle)] | None = Field(
        None, description="a handle such as forum.example.org, without @"
    )
    forum_password: SecretStr | None = Field(None, description="the password of the forum's account")
    pds_url: Origin | None = Field(None, description="an origin such as https://pds.example.org")
    oauth_public_url: Origin | None = Field(None, description="an origin such as https://forum.example.org")
    session_secret: LongSecret | None = Field(None, description="at least 32 characters long")
    session_secret_previous: LongSecret | None = Field(None, description="at least 32 characters long")
    session_ttl_days: int = Field(7, ge=1, le=365, description="a number from 1 to 365")
    oauth_private_key: SecretStr | None = Field(None, description="a private key of P-256, as PEM or as JWK")
    port: int = Field(3000, ge=0, le=65535, description="a number from 0 to 65535 (0: any that is free)")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug, info, warning or error")
    default_member_role: str = Field(
        "Member", max_length=300, description="the name of a role, or empty: who joins waits for approval"
    )
    post_images: bool = Field(False, description="true or false")
    trusted_proxies: Annotated[tuple[Annotated[str, AfterValidator(check_network)], ...], NoDecode, Words] = Field(
        (), description="IP addresses or networks, with commas between them"
    )
    dns_server: Annotated[str, AfterValidator(check_server)] | None = Field(
        None, description="an IP address, or one with a port"
    )
    firehose_url: Annotated[str, AfterValidator(check_stream)] = Field(
        "wss://jetstream2.us-east.bsky.network/subscribe",
        description=f"a ws or wss URL that ends in {STREAM_PATHS[0]}, {STREAM_PATHS[1]} or {STREAM_PATHS[2]}",
    )
    backfill_cursor_max_age_hours: int = Field(48, ge=1, le=8760, description="a number from 1 to 8760")
    backfill_concurrency: int = Field(10, ge=1, le=100, description="a number from 1 to 100")
    backfill_rate_limit: float = Field(8, gt=0, le=1000, description="a number above 0, at most 1000")
    atbb_data_dir: Path = Field(description="a directory")
    plc_url: Origin = Field("https://plc.directory", description="an origin such as https://plc.directory")
    handle_resolver_url: Origin | None = Field(None, description="an origin such as https://resolver.example.org")
    relay_url: Origin | Literal[""] = Field(
        "https://relay1.us-east.bsky.network", description="an origin such as https://relay.example.org, or empty"
    )
    backfill_hosts: Annotated[tuple[Annotated[str, AfterValidator(check_host)], ...], NoDecode, Words] = Field(
        (), description="hosts such as pds.example.org, with commas between them"
    )
    backfill_dids: Annotated[tuple[Did, ...], NoDecode, Words] = Field((), description="DIDs, with commas between them")
    atbb_development: bool = Field(False, description="true or false")

    @property
    def cursor_max_age(self) -> timedelta:
        return timedelta(hours=self.backfill_cursor_max_age_hours)

    @property
    def origins(self) -> Mapping[str, str]:
        """Where each value came from, in words; what is not named here is a default."""
        return self._origins

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` hands over: it knows the origins."""
        return (init_settings,)


def load_settings(
    config: Path | None = None, *, environ: Mapping[str, str] = os.environ, directory: Path = Path()
) -> Settings:
    """The settings in force. Raises `SettingsError` with one sentence about the first that is wrong."""
    values: dict[str, Any] = {"atbb_data_dir": default_data_dir(environ)}  # Any: checked by the model
    origins: dict[str, str] = {}
    for origin, found in reversed(list(read_sources(config, environ, directory))):
        for name, value in found.items():
            values[name], origins[name] = value, origin
    settings = checked(values, origins)
    if settings.atbb_development and settings.oauth_public_url is None and settings.port:
        values["oauth_public_url"] = f"http://127.0.0.1:{settings.port}"
        settings = checked(values, origins | {"oauth_public_url": "default for development"})
    check_transport(settings)
    return settings


def read_sources(
    config: Path | None, environ: Mapping[str, str], directory: Path
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each source in words, and what it says; the strongest first."""
    yield "from the environment", known(environ)
    if file := config_file(config, environ, directory):
        yield f"from {file.name}", read_file(file)
    if credentials := environ.get("CREDENTIALS_DIRECTORY"):
        yield "from a systemd credential", read_credentials(Path(credentials))


def known(source: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that are settings and say something, by field name; a name of ours beats its alias."""
    lowered = {name.lower(): value for name, value in source.items()}
    renamed = {ALIASES[name]: value for name, value in lowered.items() if name in ALIASES} | lowered
    return {
        name: value
        for name, value in renamed.items()
        if name in Settings.model_fields and (value not in ("", None) or (name in MAY_BE_EMPTY and value == ""))
    }


def config_file(config: Path | None, environ: Mapping[str, str], directory: Path) -> Path | None:
    """The one file to read, if there is one."""
    if config is None and environ.get("ATBB_CONFIG"):
        config = Path(environ["ATBB_CONFIG"])
    if config is not None:
        return directory / config
    return next((directory / name for name in DEFAULT_FILES if (directory / name).is_file()), None)


def read_file(file: Path) -> dict[str, Any]:
    """TOML by its ending, otherwise lines of NAME=value. A TOML file is ours alone, so a strange name is an error."""
    try:
        if file.suffix != ".toml":
            file.read_bytes()  # dotenv takes a missing file for an empty one
            return known(dotenv_values(file, interpolate=False))
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"The settings file {file} cannot be read: {reason}.") from error
    for name in found:
        if name.lower() not in Settings.model_fields.keys() | ALIASES.keys():
            raise SettingsError(f'"{name}" is not a setting (from {file.name}).')
    return known(found)


def read_credentials(directory: Path) -> dict[str, Any]:
    """One file per setting, named as the setting."""
    found = {}
    for name in (*Settings.model_fields, *ALIASES):
        file = directory / name.upper()
        if file.is_file():
            found[name] = file.read_text(encoding="utf-8").strip()
    return known(found)


def checked(values: Mapping[str, Any], origins: Mapping[str, str]) -> Settings:
    """The object, or the sentence about the first wrong value."""
    try:
        settings = Settings(**values)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise SettingsError(complaint(name, values.get(name), origins.get(name, "default"))) from None
    settings._origins.update(origins)
    return settings


def complaint(name: str, value: object, origin: str) -> str:
    """PORT must be a number from 1 to 65535, but is "abc" (from the environment)."""
    names = " or ".join(each.upper() for each in (name, *(alias for alias, said in ALIASES.items() if said == name)))
    return f'{names} must be {Settings.model_fields[name].description}, but is "{shown(name, value)}" ({origin}).'


def shown(name: str, value: object) -> str:
    """A value as people may see it: secrets masked, lists with commas, long ones cut."""
    if "SecretStr" in str(Settings.model_fields[name].annotation):
        return MASK
    match value:
        case tuple():
            text = ", ".join(map(str, value))
        case bool():
            text = str(value).lower()
        case _:
            text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def check_transport(settings: Settings) -> None:
    """Unencrypted only towards ourselves, or in development."""
    if settings.atbb_development:
        return
    urls = [(name, getattr(settings, name)) for name in HTTP_SETTINGS]
    for name, url in (*urls, *(("backfill_hosts", host) for host in settings.backfill_hosts)):
        if url and urlsplit(url).scheme != "https":
            raise SettingsError(f'{name.upper()} must be https unless ATBB_DEVELOPMENT is true, but is "{url}".')
    stream = urlsplit(settings.firehose_url)
    if stream.scheme == "ws" and not is_loopback(stream.hostname or ""):
        raise SettingsError(
            "FIREHOSE_URL must be wss, or ws to this machine, unless ATBB_DEVELOPMENT is true, "
            f'but is "{settings.firehose_url}".'
        )


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """systemd's StateDirectory, else the place the platform has for it."""
    if state := environ.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0])
    if os.geteuid() == 0:
        return Path("/var/lib/atbb")
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "atbb"


def check_serving(settings: Settings) -> None:
    """What `atbb serve` cannot do without."""
    if settings.forum_did is None:
        raise SettingsError("FORUM_DID must be set: the DID of the forum's own account, such as did:plc:….")
