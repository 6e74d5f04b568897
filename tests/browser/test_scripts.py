"""The scripts of others that we ship."""

from pathlib import Path

import pytest

from web.pages.assets import FOLDER

PUBLISHED = Path(__file__).parent / "node_modules"


@pytest.mark.parametrize("package", ["htmx.org/dist/htmx", "htmx-ext-sse/dist/sse", "idiomorph/dist/idiomorph-ext"])
def test_as_they_were_published(package: str) -> None:
    """To the byte: nobody has to read them again."""
    published = PUBLISHED / f"{package}.min.js"
    assert (FOLDER / published.name).read_bytes() == published.read_bytes()
