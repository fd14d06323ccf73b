"""The rules of the paths that are served."""

import re
from collections.abc import Callable
from threading import Lock
from typing import Any

from werkzeug.routing import BaseConverter
from werkzeug.routing import Rule as WerkzeugRule

from monitoring.pages import NAMES

_compiling = Lock()  # Python 3.11 cannot compile syntax trees in two threads at once


class Rule(WerkzeugRule):
    """A rule whose paths are put together by code that is compiled for the first of them. Werkzeug compiles it for each
    rule, which is most of the time that an application takes to make, and most rules have no path put together."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_builder = super()._compile_builder
        builder: Callable[..., tuple[str, str]] | None = None

        def build(rule: WerkzeugRule, **values: Any) -> tuple[str, str]:
            nonlocal builder
            with _compiling:
                builder = builder or compile_builder(append_unknown)
            return builder(rule, **values)

        return build


class ExchangeName(BaseConverter):
    """The name of an exchange in a path: any but a page's, for which POST is as wrong as for every other page."""

    regex = rf"(?!({'|'.join(map(re.escape, NAMES))})$)[^/]+"
    part_isolating = True  # the slash in it is one that is not taken
