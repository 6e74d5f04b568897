"""A forum with something of everything that pages show, also what is hard to show: long words, code, tables, gaps."""

from datetime import timedelta

from forum.database import Database
from tests.web.forum_rows import NOON, Rows, board_uri

ANN, BOB, CAT, DAN = "did:plc:ann", "did:plc:bob", "did:plc:cat", "did:plc:dan"
LONG_NAME = "a-gardener-with-a-rather-long-name-and-then-some.allotments.example.org"
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
BOARD, EMPTY_BOARD = "/b/0000000000001", "/b/0000000000002"
TOPIC, LOCKED, DELETED = (f"/t/ann.test/{number:013}" for number in (1, 2, 3))

MARKDOWN = f"""
# When to sow

*Early* peas, **late** beans, ~~no~~ `soil.ph`, see https://example.org/{"sowing/" * 20} and @bob.test.

| Plant | Weeks | Notes |
|-------|------:|-------|
| Peas  | 12    | {"in rows, " * 20} |
| Beans | 10    | {LONG_WORD} |

```python
def sow(plant: str, *, weeks: int = 12) -> str:
    # {"as deep as the seed is long, " * 6}
    return f"{{plant}} in {{weeks}} weeks"  # done
```

> {LONG_WORD}
>
> > a quote in a quote

1. dig
2. sow
   - water

::: spoiler What came of it
Slugs.
:::

The butler was ||the ~~gardener~~||.

---

{LONG_WORD * 3}
"""


async def furnish(database: Database) -> None:
    """Fill it."""
    rows = Rows(database)
    await people(rows)
    await boards(rows)
    topic = await rows.topic(ANN, title=f"When to sow? {LONG_WORD}", text="When to sow", markdown=MARKDOWN)
    await rows.pin(topic)
    locked = await rows.topic(ANN, title="The rules of this board", text="Be kind.\n\nhttps://example.org/rules")
    await rows.lock(locked, "0000000000002")
    deleted = await rows.topic(ANN)
    await rows.reply(BOB, deleted, text="What was it?")
    await rows.delete(deleted)
    first = await rows.reply(BOB, topic, text="Now.\nOr later. مرحبا بالعالم", edited_at=NOON + timedelta(days=1))
    await rows.reply(CAT, topic, parent=first, text="Later, I think.")
    await rows.delete(await rows.reply(BOB, topic))
    for _ in range(30):
        await rows.reply(BOB, topic)
    for _ in range(30):
        await rows.topic(BOB, title=None)
    await rows.topic(ANN, board=3, title="Slugs and snails")


async def people(rows: Rows) -> None:
    await rows.forum()
    await rows.run("UPDATE forum SET name = 'The Potting Shed', description = 'Gardeners, their tools, their weeds'")
    for did, handle in ((ANN, "ann.test"), (BOB, LONG_NAME), (CAT, None), (DAN, "dan.test")):
        await rows.account(did, handle)
    await rows.ban(DAN)


async def boards(rows: Rows) -> None:
    await rows.category(1)
    await rows.board(1)
    await rows.board(2)
    await rows.board(3)
    description = f"What grows, {LONG_WORD} included"
    await rows.run(
        "UPDATE boards SET name = $1, description = $2 WHERE uri = $3", "Outdoors", description, board_uri(1)
    )
