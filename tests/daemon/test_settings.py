"""Settings: which source wins, what is refused and in which words, what is shown."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from daemon.cli import config_lines, main
from daemon.errors import EXIT_CONFIG, SettingsError
from daemon.forum_login import open_resolver
from daemon.session_secret import session_secret
from daemon.settings import ALIASES, Settings, check_serving, load_settings

DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
PORT = "PORT must be a number from 0 to 65535 (0: any that is free)"
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def load(tmp_path: Path):
    """Settings from an environment of the test's own, in an empty directory."""

    def load_from(**environ: str) -> Settings:
        return load_settings(environ={"HOME": str(tmp_path), **environ}, directory=tmp_path)

    return load_from


def test_defaults(load) -> None:
    """With nothing set there are values, and `serve` says what it lacks."""
    settings = load()
    assert (settings.port, settings.session_ttl_days, settings.backfill_rate_limit) == (3000, 7, 8)
    assert settings.firehose_url.startswith("wss://")
    with pytest.raises(SettingsError, match="FORUM_DID must be set"):
        check_serving(settings)


def test_environment_beats_file_beats_credentials(load, tmp_path: Path) -> None:
    """And each value knows where it came from."""
    for name, value in (("PORT", "1"), ("LOG_LEVEL", "error"), ("SESSION_SECRET", f"{SECRET}\n")):
        (tmp_path / name).write_text(value)
    (tmp_path / "atbb.toml").write_text('port = 2\nLOG_LEVEL = "debug"\nbackfill_dids = []\n')
    settings = load(PORT="3", CREDENTIALS_DIRECTORY=str(tmp_path))
    assert (settings.port, settings.log_level) == (3, "debug")
    assert settings.session_secret is not None
    assert settings.session_secret.get_secret_value() == SECRET
    assert settings.origins["port"] == "from the environment"
    assert settings.origins["log_level"] == "from atbb.toml"
    assert settings.origins["session_secret"] == "from a systemd credential"


def test_env_file(load, tmp_path: Path) -> None:
    """Read when there is no atbb.toml; the entries of others in it are left alone."""
    (tmp_path / ".env").write_text(f"FORUM_DID={DID}\nEDITOR=ed\n")
    assert load().forum_did == DID
    (tmp_path / "other.env").write_text("PORT=99\n")
    assert load(ATBB_CONFIG="other.env").port == 99


def test_jetstream_url_means_firehose_url(load) -> None:
    """The name other software knows; ours wins."""
    old, new = "wss://a.example/subscribe", "wss://b.example/subscribe"
    assert load(JETSTREAM_URL=old).firehose_url == old
    assert load(JETSTREAM_URL=old, FIREHOSE_URL=new).firehose_url == new


def test_lists(load) -> None:
    """Commas or blanks; hosts are meant with https."""
    settings = load(TRUSTED_PROXIES="10.0.0.0/8, ::1", BACKFILL_HOSTS="pds.example.org", BACKFILL_DIDS=f"{DID} {DID}")
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1/128")
    assert settings.backfill_hosts == ("https://pds.example.org",)
    assert settings.backfill_dids == (DID, DID)


def test_empty_is_unset_but_where_it_says_something(load) -> None:
    """`RELAY_URL=` says: ask none. `DEFAULT_MEMBER_ROLE=` says: nobody has a role until they are given one."""
    settings = load(DATABASE_URL="", PORT="", RELAY_URL="", DEFAULT_MEMBER_ROLE="")
    assert (settings.database_url, settings.port, settings.relay_url) == (None, 3000, "")
    assert (settings.default_member_role, load().default_member_role) == ("", "Member")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "PORT",
            "abc",
            'PORT must be a number from 0 to 65535 (0: any that is free), but is "abc" (from the environment).',
        ),
        (
            "PORT",
            "65536",
            'PORT must be a number from 0 to 65535 (0: any that is free), but is "65536" (from the environment).',
        ),
        ("LOG_LEVEL", "loud", 'LOG_LEVEL must be debug, info, warning or error, but is "loud" (from the environment).'),
        ("ATBB_DEVELOPMENT", "?", 'ATBB_DEVELOPMENT must be true or false, but is "?" (from the environment).'),
        ("SESSION_SECRET", "hunter2", "SESSION_SECRET must be at least 32 characters long, but is"),
        ("DATABASE_URL", "mysql://me:hunter2@host/x", "DATABASE_URL must be a URL such as postgresql://"),
        ("FORUM_DID", "did:key:zQ3sh", "FORUM_DID must be a DID"),
        ("FORUM_HANDLE", "@forum.example", "FORUM_HANDLE must be a handle"),
        ("PDS_URL", "https://pds.example/path", "PDS_URL must be an origin"),
        ("PDS_URL", "http://pds.example", "PDS_URL must be https unless ATBB_DEVELOPMENT"),
        ("OAUTH_PUBLIC_URL", "forum.example", "OAUTH_PUBLIC_URL must be an origin"),
        (
            "FIREHOSE_URL",
            "wss://a.example/other",
            "FIREHOSE_URL or JETSTREAM_URL must be a ws or wss URL that ends in /subscribe",
        ),
        ("FIREHOSE_URL", "https://a.example/subscribe", "FIREHOSE_URL or JETSTREAM_URL must be a ws or wss URL"),
        ("FIREHOSE_URL", "wss://a.example:99999/subscribe", "FIREHOSE_URL or JETSTREAM_URL must be a ws or wss URL"),
        ("JETSTREAM_URL", "foo", "FIREHOSE_URL or JETSTREAM_URL must be a ws or wss URL"),
        ("JETSTREAM_URL", "ws://a.example/subscribe", "FIREHOSE_URL must be wss, or ws to this machine"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,localhost", "TRUSTED_PROXIES must be IP addresses or networks"),
        ("DNS_SERVER", "dns.example", "DNS_SERVER must be an IP address"),
        ("BACKFILL_RATE_LIMIT", "nan", "BACKFILL_RATE_LIMIT must be a number above 0"),
        ("BACKFILL_HOSTS", "http://a.example", "BACKFILL_HOSTS must be https"),
        ("ATBB_CONFIG", "missing.toml", "cannot be read: No such file"),
    ],
)
def test_wrong_values(load, name: str, value: str, sentence: str) -> None:
    """One sentence that names the setting, without the value of a secret."""
    with pytest.raises(SettingsError) as caught:
        load(**{name: value})
    assert sentence in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", ["1.1.1.1", "127.0.0.1:5353", "::1", "[::1]:53"])
def test_dns_servers(load, value: str) -> None:
    """Both families, with and without a port."""
    assert load(DNS_SERVER=value).dns_server == value


@pytest.mark.parametrize(
    ("value", "server"),
    [("", (None, 53)), ("::1", ("::1", 53)), ("127.0.0.1:5353", ("127.0.0.1", 5353)), ("[::1]:5353", ("::1", 5353))],
)
async def test_dns_server_is_asked_at_its_port(load, value: str, server: tuple[str | None, int]) -> None:
    """The resolver gets both apart, as the library wants them."""
    async with open_resolver(load(DNS_SERVER=value)) as resolver:
        assert (resolver.dns_server, resolver.dns_port) == server


def test_misspelt_name_in_toml(load, tmp_path: Path) -> None:
    """The file is ours alone, so a name we do not know is a mistake."""
    (tmp_path / "atbb.toml").write_text("prot = 3000\n")
    with pytest.raises(SettingsError, match='"prot" is not a setting'):
        load()


def test_development_allows_http(load) -> None:
    """And knows its own origin."""
    settings = load(ATBB_DEVELOPMENT="true", PLC_URL="http://localhost:2582", PORT="3001")
    assert settings.plc_url == "http://localhost:2582"
    assert settings.oauth_public_url == "http://127.0.0.1:3001"
    assert settings.origins["oauth_public_url"] == "default for development"
    assert load(ATBB_DEVELOPMENT="true", PORT="0").oauth_public_url is None  # known when it listens


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_is_a_value_or_a_sentence(text: str) -> None:
    """Nothing but `SettingsError` comes out, whatever stands in the environment."""
    for name in Settings.model_fields:
        with suppress(SettingsError):
            load_settings(environ={name.upper(): text}, directory=Path("/nonexistent"))


def test_data_directory(load) -> None:
    """systemd's, when it gives one."""
    assert load(STATE_DIRECTORY="/var/lib/atbb:/var/lib/x").atbb_data_dir == Path("/var/lib/atbb")


def test_table_masks_secrets(load) -> None:
    """Every setting has a line; a secret's value is in none."""
    url = "postgresql://me:hunter2@host/x"
    table = "\n".join(config_lines(load(SESSION_SECRET=SECRET, DATABASE_URL=url, FORUM_PASSWORD="hunter2")))
    assert len(table.splitlines()) == len(Settings.model_fields) + 1
    assert SECRET not in table
    assert "hunter2" not in table
    assert "••••" in table


def test_command_line_says_what_is_wrong(tmp_path: Path) -> None:
    """On stderr, with the status that systemd does not restart after."""
    (tmp_path / "x.toml").write_text("port = -1\n")
    result = CliRunner().invoke(main, ["--config", str(tmp_path / "x.toml"), "config"])
    assert result.exit_code == EXIT_CONFIG
    assert result.stderr.startswith("atbb: PORT must be a number")
    assert result.stderr.endswith('but is "-1" (from x.toml).\n')


def test_command_line_prints_schema() -> None:
    """As SQL, and nothing else."""
    result = CliRunner().invoke(main, ["schema"])
    assert result.exit_code == 0
    assert result.stdout == (Path(__file__).parents[2] / "schema.sql").read_text()


def test_session_secret(load, tmp_path: Path) -> None:
    """The operator's; in development one that is made once and kept from others; otherwise none."""
    assert session_secret(load(SESSION_SECRET=SECRET)) == SECRET
    with pytest.raises(SettingsError, match="SESSION_SECRET must be set"):
        session_secret(load())
    development = load(ATBB_DEVELOPMENT="1", ATBB_DATA_DIR=str(tmp_path / "data"))
    made = session_secret(development)
    assert len(made) >= 32
    assert session_secret(development) == made
    assert (tmp_path / "data" / "session_secret").stat().st_mode & 0o777 == 0o600


def test_every_setting_is_told_of() -> None:
    """An operator finds each in docs/operating.md."""
    told = (Path(__file__).parents[2] / "docs/operating.md").read_text(encoding="utf-8")
    names = [name.upper() for name in (*Settings.model_fields, *ALIASES)]
    assert [name for name in names if not re.search(rf"`{name}[`=]", told)] == []
