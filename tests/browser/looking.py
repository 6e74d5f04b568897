"""Looking at a page as axe-core does, and as people do who have little room, no mouse, or no wish for sideways."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page

AXE = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]  # WCAG 2.2 AA, and landmarks
RUN_AXE = """async tags => {
    const found = await axe.run(document, {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]})
    return found.violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.failureSummary} ${node.html}`))
}"""
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
FOCUSED = """() => {
    const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect()
    const sees = box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth
    return [element.outerHTML.slice(0, 120), element === document.body,
            sees && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2]
}"""

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Look:
    """How wide the window is, and which colours its owner prefers."""

    width: int
    scheme: Scheme


PHONE_AND_DESK = tuple(Look(width, scheme) for width in (360, 1440) for scheme in SCHEMES)


def barriers(page: Page) -> list[str]:
    """Whatever keeps the page from people, however they look at it, once it has its style sheets and nothing moves."""
    page.wait_for_load_state()
    page.evaluate(axe())
    found = []
    for look in PHONE_AND_DESK:
        page.set_viewport_size({"width": look.width, "height": 800})
        page.emulate_media(color_scheme=look.scheme, reduced_motion="reduce")
        found += [f"{look}: {barrier}" for barrier in page.evaluate(RUN_AXE, RULES)]
        if (excess := page.evaluate(TOO_WIDE)) > 0:
            found.append(f"{look}: {excess} px too wide")
    return found


def tab_stops(page: Page, *, most: int = 300) -> list[tuple[str, bool]]:
    """What the tab key leads to, one by one, and whether one sees where one is; back at the beginning it ends."""
    stops: list[tuple[str, bool]] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        html, is_over, is_seen = page.evaluate(FOCUSED)
        if is_over:
            break
        stops.append((html, is_seen))
    return stops


@cache
def axe() -> str:
    if not AXE.is_file():
        raise RuntimeError("axe-core is not installed: run `make browser`.")
    return AXE.read_text()
