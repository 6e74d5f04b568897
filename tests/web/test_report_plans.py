"""Reports go by their indexes, however many were resolved; and a page of who does not moderate asks nothing of them."""

import pytest

from daemon.pool import Pool
from forum import reports
from forum.reads.reports import FROM_THE_FIRST, ONE, OPEN, RESOLVED, RESOLVED_ABOUT, VOICES
from forum.reads.viewers import VIEWER
from tests.web.test_plans import ACCOUNT_ROWS, BOARD_ROWS, REPLY_ROWS, TOPIC_ROWS, entries, nodes_of

# Every reply was reported by two, and all but some hundred reports are resolved.
REPORT_ROWS = """
INSERT INTO reports (post_uri, author, outcome, resolved_by, resolved_at)
SELECT uri, did, CASE WHEN id % 400 > 0 THEN 'dismiss' END, CASE WHEN id % 400 > 0 THEN 'did:plc:1' END,
       CASE WHEN id % 400 > 0 THEN sorted_at END
  FROM posts WHERE root_uri IS NOT NULL ORDER BY id
"""
VOICE_ROWS = """
INSERT INTO voices (report_id, reporter, post_cid, reason, created_at)
SELECT id, 'did:plc:' || (id * n) % 500 + 1, 'cid', 'Rude', timestamptz '2026-03-01' + id * interval '1 minute'
  FROM reports, generate_series(2, 3) AS n ON CONFLICT DO NOTHING
"""

MOD, AUTHOR, AT = "did:plc:1", "did:plc:8", "2026-02-20"
CASES: dict[str, tuple[object, ...]] = {
    OPEN: (MOD, FROM_THE_FIRST, 26, 0),
    RESOLVED: (MOD, AT, 9_000, 26, 0),
    RESOLVED_ABOUT: (MOD, AT, 9_000, 26, 0, AUTHOR),
    ONE: (MOD, 77),
    VOICES: ("{1, 400, 20000}", 20),
    VIEWER: ("\\x00", "did:plc:forum"),
    reports.OWN_VOICE: (AUTHOR, "at://r400"),
    reports.SECONDS_TO_WAIT: (AUTHOR, 9),
    reports.HOLD: (77, MOD),
    reports.HOLD_REPORTED: (AUTHOR,),
    reports.FORGET_ABOUT: (AUTHOR,),
    reports.FORGET_VOICES: (AUTHOR,),
    reports.FORGET_UNHEARD: ("{1, 400, 20000}",),
    reports.FORGET_CLAIMS: (AUTHOR,),
}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_nothing_reads_a_whole_table(database: Pool, mode: str) -> None:
    """Neither posts, topics, reports nor voices are read from end to end; the queue and the menu see what is open."""
    async with database.connection() as connection:
        for statement in (BOARD_ROWS, ACCOUNT_ROWS, TOPIC_ROWS, REPLY_ROWS, REPORT_ROWS, VOICE_ROWS, "ANALYZE"):
            await connection.execute(statement)
        await connection.execute(f"SET plan_cache_mode = {mode}")
        plans = {query: await nodes_of(connection, query, *args) for query, args in CASES.items()}

    for query, nodes in plans.items():
        whole = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
        assert not {"posts", "topics", "reports", "voices"} & whole, query
    assert any(node.get("Index Name") == "reports_waiting" for node in plans[VIEWER])
    assert all("id > " in entry for entry in entries(plans[OPEN], "reports_waiting"))
    assert all("ROW(resolved_at, id)" in entry for entry in entries(plans[RESOLVED], "reports_resolved"))
    assert all("author = " in entry for entry in entries(plans[RESOLVED_ABOUT], "reports_about"))
