"""Shows how two texts differ, one above the other."""


def in_text(text: bytes) -> str:
    """Return bytes as text; those that are none are written as ``\\xff``."""
    return text.decode("utf-8", errors="backslashreplace")


def difference(what: str, expected: str, found: str) -> str:
    """Return both texts whole, the one of ``exchange.json`` above the adapter's, with the first character in which they
    differ named and marked."""
    same = 0
    while same < min(len(expected), len(found)) and expected[same] == found[same]:
        same += 1
    ours, theirs = (repr(text[same]) if same < len(text) else "nothing" for text in (expected, found))
    mark = " " * len(_escaped(expected[:same])) + "^"
    return (
        f"{what} differs from character {same + 1} on: {ours} by exchange.json, {theirs} by the adapter\n"
        f"  exchange.json  {_escaped(expected)}\n"
        f"  adapter        {_escaped(found)}\n"
        f"                 {mark}"
    )


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")
