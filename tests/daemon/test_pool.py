"""The pool against a real server: what happens when callers are cancelled, refused, or left alone by PostgreSQL."""


async def test_rows_come_back_by_name_and_place(database):
    """The door's four calls work."""
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT $1::int AS a, 'x' AS b", 3)
        assert (row["a"], row[1]) == (3, "x")
        assert await connection.fetchval("SELECT count(*) FROM ledger") == 0
        assert len(await connection.fetch("SELECT generate_series(1, 3)")) == 3
