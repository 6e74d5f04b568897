"""Where a browser goes after signing in: somewhere here, whatever the link said."""

HOME = "/"
LONGEST = 2000


def local_path(asked: str | None) -> str:
    """The path, with its query and fragment, if it is one of this site; else the front page."""
    return asked if asked is not None and len(asked) <= LONGEST and is_local(asked) else HOME


def is_local(path: str) -> bool:
    """One slash and not two, for `//host` names a host.

    Browsers read a backslash as a slash, and skip tabs and line ends wherever they stand; no link of ours has those,
    nor anything else that is not visible ASCII.
    """
    is_visible = path.isascii() and path.isprintable() and " " not in path
    return is_visible and path.startswith("/") and not path.startswith("//") and "\\" not in path
