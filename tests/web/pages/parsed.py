"""A page taken apart: its elements with their attributes, and what could make a browser run or fetch something."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

ADDRESSES = frozenset("href src action formaction data poster background xlink:href srcset hx-get hx-post".split())  # noqa: SIM905
INERT = """
    a article blockquote body br code dd del details div dl dt em footer h1 h2 h3 h4 h5 h6 head header hr html img li
    link main meta nav ol p path pre q s section span strong summary svg table tbody td th thead time title tr ul
""".split()  # noqa: SIM905 - a list of fifty words would be a page of them
FORBIDDEN = frozenset({"style", "srcdoc", "http-equiv"})
BARE = frozenset({"br", "hr", "img", "input", "link", "meta", "path"})


@dataclass(slots=True)
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass(slots=True)
class Parsed:
    elements: list[Element] = field(default_factory=list)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [one for one in self.elements if one.tag == tag and wanted.items() <= one.attributes.items()]

    def one(self, tag: str, **attributes: str) -> Element:
        [found] = self.all(tag, **attributes)
        return found

    def links(self) -> list[str]:
        return [one.attributes["href"] for one in self.all("a") if "href" in one.attributes]

    def dangers(self) -> Iterator[str]:
        """Everything that is not known to be harmless."""
        for element in self.elements:
            if element.tag not in INERT and not is_own_script(element):
                yield f"<{element.tag}>"
            for name, value in element.attributes.items():
                if name.startswith(("on", "hx-on", "data-hx-", "hx-vals", "hx-vars")) or name in FORBIDDEN:
                    yield f"{element.tag} {name}={value}"
                if name in ADDRESSES and not is_harmless(value):
                    yield f"{element.tag} {name}={value}"


def is_own_script(element: Element) -> bool:
    """A file of ours, and nothing else."""
    return (
        element.tag == "script"
        and element.attributes.keys() in ({"type", "src"}, {"defer", "src"})
        and element.attributes["src"].startswith("/static/")
        and not element.text
    )


def is_harmless(address: str) -> bool:
    """A page of ours, or one elsewhere that is told by its scheme."""
    own = address.startswith("/") and not address.startswith(("//", "/\\"))
    return own or address.startswith(("#", "https://", "http://", "mailto:"))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parsed, self.open = Parsed(), list[Element]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.parsed.elements.append(element)
        if tag not in BARE:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parsed.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def parsed(html: str) -> Parsed:
    """Fails unless every element is closed where it should be: what is not well-formed is read in several ways."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open, [element.tag for element in reader.open]
    return reader.parsed
