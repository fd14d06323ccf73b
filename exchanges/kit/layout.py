"""JSON as people read it: short objects on one line, no long lines, every digit as it was written.

A text that is too long for a line is written in pieces, ``{"+": ["the first ", "and the second"]}``, and read as one.
"""

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

WIDTH = 120
"""Characters in a line, at most."""


def read(text: str) -> Any:
    """Return parsed JSON text; numbers become int or Decimal. Raises ValueError, also for a duplicate key."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_object)


def inline(value: object) -> str:
    """Return JSON text on one line, with the same digits that were read."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{inline(name)}: {inline(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value, ensure_ascii=False)


def write(document: object, opened: int) -> str:
    """Return JSON text in the one layout that a document has, ending with a newline.

    The outermost ``opened`` levels have one member a line. Whatever is deeper stands on one line where there is room.
    Where there is none, its short members share lines, beginning one level below the opened ones, and the brackets of
    an only member stand on the lines of its own.
    """
    return _text(document, opened, 0, 0) + "\n"


def _text(value: object, opened: int, depth: int, column: int) -> str:
    """Return the text of a value that begins at this column, on a line that is indented by twice its depth."""
    line = inline(value)
    if not isinstance(value, dict | list | str) or not value:
        return line
    if column + len(line) < WIDTH and (depth >= opened or isinstance(value, str)):  # a comma may follow
        return line
    if isinstance(value, str):
        return _pieces(value, depth)
    start, end = "{}" if isinstance(value, dict) else "[]"
    items = value.items() if isinstance(value, dict) else [("", member) for member in value]
    members = [(f"{inline(name)}: " if isinstance(value, dict) else "", member) for name, member in items]
    if len(members) == 1 and depth >= opened:
        [(name, member)] = members
        only = _text(member, opened - 1, depth, column + len(start + name + end))
        if "\n" in only and (not isinstance(member, str) or 2 * depth + 2 + len(name + inline(member)) >= WIDTH):
            return start + name + only + end
    lines: list[str] = []
    shares = False  # whether the last line may be continued
    for name, member in members:
        text = name + _text(member, opened, depth + 1, 2 * depth + 2 + len(name))
        short = depth > opened and _is_short(member) and "\n" not in text
        if short and shares and 2 * depth + 2 + len(lines[-1]) + 2 + len(text) < WIDTH:
            lines[-1] += f", {text}"
        else:
            lines.append(text)
        shares = short
    indent = "\n" + "  " * depth
    return start + ",".join(f"{indent}  {text}" for text in lines) + indent + end


def _is_short(value: object) -> bool:
    return not isinstance(value, dict) and (not isinstance(value, list) or len(inline(value)) < WIDTH // 3)


def _pieces(text: str, depth: int) -> str:
    """Return the pieces of a long text, cut after spaces, or anywhere if there is none within a third of a line."""
    indent = "\n" + "  " * depth
    pieces = [""]
    for word in re.findall(rf"\S{{1,{WIDTH // 3}}}\s?|\s", text):
        if len(indent) + 2 + len(inline(pieces[-1] + word)) < WIDTH:
            pieces[-1] += word
        else:
            pieces.append(word)
    return '{"+": [' + ",".join(f"{indent}  {inline(piece)}" for piece in pieces) + indent + "]}"


def _object(pairs: list[tuple[str, Any]]) -> Any:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is there twice in one object")
    if members.keys() == {"+"} and isinstance(members["+"], list):
        return "".join(members["+"])
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")
