"""The two families of failure we name; anything else is a bug and is left to crash.

`BadInput` is dropped, counted and logged; `Unavailable` is waited out inside the actor that met it.
"""


class BadInput(Exception):
    """Something from outside that we refuse: a malformed frame, an over-long title.

    `reason` is a short word for counters and the ledger (`bad_frame`, `too_long`); the message is for people.
    """

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(f"{reason}: {message}" if message else reason)
        self.reason = reason


class Unavailable(Exception):
    """The world is away: a relay closed, a PDS down, the database restarting. Worth another try later."""
