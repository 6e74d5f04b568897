"""The Bruno collection has a request for all that the app answers to machines, and nothing it does not know."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.web.forum_rows import inner_app
from web.answers import FOR_MACHINES

COLLECTION = Path(__file__).parents[2] / "bruno"
FOLDERS = sorted(COLLECTION.glob("*/folder.bru"))
REQUESTS = [path for folder in FOLDERS for path in sorted(folder.parent.glob("*.bru")) if path != folder]
REQUEST = re.compile(r"^(get|post|put|delete) \{\n  url: (\S+)$", re.MULTILINE)


def rule_of(path: Path) -> tuple[str, str]:
    """What a request asks for: its method, and its path with a star for whatever varies."""
    [(method, url)] = REQUEST.findall(path.read_text())
    assert url.startswith("{{appview_url}}/")
    pattern = re.sub(r"\{\{\w+\}\}|(?<=/)(\d{5,}|nonsense)$", "*", urlsplit(url.removeprefix("{{appview_url}}")).path)
    return method.upper(), pattern


def test_every_endpoint_has_a_request() -> None:
    """And every request an endpoint."""
    app = inner_app()
    rules = {
        (method, re.sub(r"<\w+>", "*", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(FOR_MACHINES)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {rule_of(path) for path in REQUESTS} == rules


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_every_request_asserts_and_explains(path: Path) -> None:
    """A status at the least, and a word for who reads the collection."""
    text = path.read_text()
    assert re.search(r"^assert \{\n(  .*\n)*  res\.status: ", text, re.MULTILINE)
    assert re.search(r"^docs \{\n  \S", text, re.MULTILINE)
