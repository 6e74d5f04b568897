"""The schema: made at once or by steps, the same in the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from actors.health import Pulse
from daemon.errors import SettingsError
from daemon.pool import open_pool
from daemon.schema import Schema, apply_schema, load_schema, load_steps
from forum.database import Database
from tests.conftest import administer, fresh_dsn, with_name

OLD = Schema(sql="CREATE TABLE a (x int PRIMARY KEY);")
STEPS = {
    "0002-names.sql": "ALTER TABLE a ADD COLUMN name text; CREATE INDEX a_name ON a (name);",
    "0003-more.sql": "CREATE TABLE b (y int REFERENCES a);",
}
NEW_SQL = "CREATE TABLE a (x int PRIMARY KEY, name text); CREATE INDEX a_name ON a (name);" + STEPS["0003-more.sql"]

CATALOG = """
SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '')
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
          WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT tgrelid::regclass || ' ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc
          WHERE pronamespace = 'public'::regnamespace AND prokind IN ('f', 'p') AND probin IS NULL
ORDER BY 1"""


@pytest.fixture
async def empty(postgres_dsn: str):
    """A database without anything in it."""
    async with fresh_dsn(postgres_dsn) as dsn, open_pool(dsn, size=2, pulse=Pulse("pool")) as pool:
        await wipe(pool)
        yield pool


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """A directory with two steps."""
    for name, sql in STEPS.items():
        (tmp_path / name).write_text(sql)
    return tmp_path


async def test_both_ways_lead_to_the_same_schema(empty: Database, steps: Path) -> None:
    """An old database that is upgraded equals a new one."""
    new = Schema(sql=NEW_SQL, steps=load_steps(steps))
    await apply_schema(empty, OLD)
    assert await apply_schema(empty, new) == "Upgraded the schema from version 1: 0002-names, 0003-more."
    upgraded = await catalog(empty)
    await wipe(empty)
    assert await apply_schema(empty, new) == "Created the schema, version 3."
    assert await catalog(empty) == upgraded


async def test_shipped_schema_applies_once(empty: Database) -> None:
    """The second time there is nothing to do, also when both come at once."""
    said = []

    async def apply() -> None:
        said.append(await apply_schema(empty))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(apply)
        nursery.start_soon(apply)
    version = load_schema().version
    assert sorted(said) == [
        f"Created the schema, version {version}.",
        f"The schema is at version {version}; nothing to do.",
    ]


async def test_newer_database_is_refused(empty: Database, steps: Path) -> None:
    """An older program does not know what it would break."""
    await apply_schema(empty, Schema(sql=NEW_SQL, steps=load_steps(steps)))
    with pytest.raises(SettingsError, match="schema version 3, but this program knows 1"):
        await apply_schema(empty, OLD)


async def test_foreign_database_is_refused(empty: Database) -> None:
    """Tables of something else are not mixed with ours."""
    async with empty.connection() as connection:
        await connection.execute("CREATE TABLE theirs (x int)")
    with pytest.raises(SettingsError, match="tables of something else"):
        await apply_schema(empty)


@pytest.mark.parametrize(
    ("options", "user"),
    [("", "guest"), ("OWNER guest ENCODING LATIN1 LOCALE 'C'", "guest"), ("ENCODING SQL_ASCII", "atbb")],
)
async def test_database_that_does_not_do(postgres_dsn: str, options: str, user: str) -> None:
    """Only its owner may make tables in it, unless told otherwise; or it does not hold every text."""
    async with made_database(postgres_dsn, options, user) as made:
        with pytest.raises(SettingsError, match="not UTF8, or in which its user may not make tables"):
            await apply_schema(made)


async def test_database_that_does(postgres_dsn: str) -> None:
    """Made as docs/operating.md says, by who is nothing but its owner."""
    async with made_database(postgres_dsn, "OWNER guest ENCODING UTF8", "guest") as made:
        assert (await apply_schema(made)).startswith("Created")


async def test_failing_step_leaves_the_old_schema(empty: Database, steps: Path) -> None:
    """All steps, or none."""
    await apply_schema(empty, OLD)
    before = await catalog(empty)
    (steps / "0004-wrong.sql").write_text("CREATE TABLE c (x nonsense);")
    with pytest.raises(Exception, match="nonsense"):
        await apply_schema(empty, Schema(sql=NEW_SQL, steps=load_steps(steps)))
    assert await catalog(empty) == before


@pytest.mark.parametrize("name", ["0005-late.sql", "4-short.sql", "0003-twice.sql", "0004_odd.sql"])
def test_numbers_have_no_holes(steps: Path, name: str) -> None:
    """A misnamed step is found before it is too late."""
    (steps / name).write_text("")
    with pytest.raises(ValueError, match="should be called"):
        load_steps(steps)


@asynccontextmanager
async def made_database(postgres_dsn: str, options: str, user: str) -> AsyncIterator[Database]:
    """A new database of the server, opened as that user; `guest` is one without rights."""
    await administer(postgres_dsn, "CREATE ROLE guest LOGIN")
    await administer(postgres_dsn, f"CREATE DATABASE made TEMPLATE template0 {options}")
    try:
        dsn = with_name(postgres_dsn, "made").replace("//atbb@", f"//{user}@")
        async with open_pool(dsn, size=1, pulse=Pulse("pool")) as pool:
            yield pool
    finally:
        with trio.CancelScope(shield=True):
            await administer(postgres_dsn, "DROP DATABASE made WITH (FORCE)")
            await administer(postgres_dsn, "DROP ROLE guest")


async def catalog(database: Database) -> list[str]:
    """Columns, indexes, constraints, triggers and functions, as text."""
    async with database.connection() as connection:
        return [row[0] for row in await connection.fetch(CATALOG)]


async def wipe(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
