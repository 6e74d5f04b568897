"""Graphemes: what a reader calls one character, whatever number of code points it takes.

Linear whatever the text: the pattern alone looks back over a whole run of flags for each of them, and a post of
100 kB full of flags would hold the process for seconds.
"""

import re
from itertools import islice
from typing import Final

import regex

_clusters = regex.compile(r"\X").finditer
# Two of these letters are one flag, paired from the start of their run; any plain letter may stand for the pair.
_flags_replaced = re.compile("[\U0001f1e6-\U0001f1ff]{2}").sub
_PLAIN: Final = "x"


def count_graphemes(text: str, most: int) -> int:
    """How many there are; counting ends one above `most`."""
    if text.isascii():
        return len(text) - text.count("\r\n")
    plain = _flags_replaced(_PLAIN, text)
    return sum(1 for _ in islice(_clusters(plain), min(most + 1, len(plain))))
