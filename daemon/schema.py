"""Bring the database to the schema this program knows, under a lock and in one transaction.

An empty database gets `schema.sql`, which is the whole truth; an older one gets the numbered steps
`forum/migrations/NNNN-name.sql` it lacks. Both ways lead to the same schema. Nothing is ever downgraded.
"""

import importlib.resources
import re
from dataclasses import dataclass
from pathlib import Path

import forum
from daemon.errors import SettingsError
from forum.database import Connection, Database

FIRST_VERSION = 1  # that of schema.sql while there are no steps
LOCK = "SELECT pg_advisory_xact_lock(hashtext('atbb schema'))"
CREATE_VERSION = """
CREATE TABLE IF NOT EXISTS schema_version (
    version     integer PRIMARY KEY,
    applied_at  timestamptz NOT NULL DEFAULT now()
)"""
READ_VERSION = "SELECT max(version) FROM schema_version"
WRITE_VERSION = "INSERT INTO schema_version (version) VALUES ($1)"
HAS_VERSION = "SELECT to_regclass('schema_version') IS NOT NULL"
HAS_TABLES = """
SELECT EXISTS (
    SELECT FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace
)"""

MAY_CREATE = """
SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AND getdatabaseencoding() = 'UTF8'"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One numbered change: it leads from `version - 1` to `version`."""

    version: int
    name: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The newest schema, and the steps that lead to it from older ones."""

    sql: str
    steps: tuple[Step, ...] = ()

    @property
    def version(self) -> int:
        return self.steps[-1].version if self.steps else FIRST_VERSION


async def apply_schema(database: Database, schema: Schema | None = None) -> str:
    """Create or upgrade; returns a sentence that says what was done."""
    schema = schema or load_schema()
    async with database.transaction() as connection:
        await connection.execute(LOCK)
        if not await connection.fetchval(HAS_VERSION):
            return await create(connection, schema)
        return await upgrade(connection, schema, await connection.fetchval(READ_VERSION))


async def create(connection: Connection, schema: Schema) -> str:
    """The whole schema at once, in an empty database only."""
    if await connection.fetchval(HAS_TABLES):
        raise SettingsError("DATABASE_URL names a database that holds the tables of something else.")
    if not await connection.fetchval(MAY_CREATE):
        raise SettingsError(
            "DATABASE_URL names a database that is not UTF8, or in which its user may not make tables: "
            "see docs/operating.md."
        )
    await connection.execute(CREATE_VERSION)
    await connection.execute(schema.sql)
    await connection.execute(WRITE_VERSION, schema.version)
    return f"Created the schema, version {schema.version}."


async def upgrade(connection: Connection, schema: Schema, version: int) -> str:
    """The steps it lacks, in order."""
    if version > schema.version:
        raise SettingsError(
            f"DATABASE_URL names a database of schema version {version}, but this program knows "
            f"{schema.version} at most: use a newer atbb."
        )
    missing = [step for step in schema.steps if step.version > version]
    for step in missing:
        await connection.execute(step.sql)
        await connection.execute(WRITE_VERSION, step.version)
    if not missing:
        return f"The schema is at version {version}; nothing to do."
    return f"Upgraded the schema from version {version}: {', '.join(step.name for step in missing)}."


def load_schema() -> Schema:
    """What this program was shipped with."""
    return Schema(sql=schema_text(), steps=load_steps(Path(forum.__path__[0]) / "migrations"))


def schema_text() -> str:
    """schema.sql: in the wheel inside `forum`, in a checkout at the top."""
    packaged = importlib.resources.files(forum) / "schema.sql"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return Path(forum.__path__[0]).with_name("schema.sql").read_text(encoding="utf-8")


def load_steps(directory: Path) -> tuple[Step, ...]:
    """The steps of a directory, without a hole in their numbers."""
    steps: list[Step] = []
    for path in sorted(directory.glob("*.sql")):
        match = re.fullmatch(r"(\d{4})-[a-z0-9-]+", path.stem)
        expected = FIRST_VERSION + 1 + len(steps)
        if match is None or int(match[1]) != expected:
            raise ValueError(f"{path.name} should be called {expected:04}-name.sql")
        steps.append(Step(version=expected, name=path.stem, sql=path.read_text(encoding="utf-8")))
    return tuple(steps)
