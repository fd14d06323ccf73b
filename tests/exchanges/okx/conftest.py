"""An OKX that is not there."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exchanges.okx.api import OKXApi
from tests.exchanges.okx.recorder import KEYS, Recorder
from tests.lent import Lent

Make = Callable[..., Any]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def make(lent: Lent, recorder: Recorder) -> Make:
    """Makes exchanges whose client is the recorder; those with the same options share an upstream."""
    known: dict[str, Lent] = {}

    def make(kind: type[OKXApi], **options: Any) -> OKXApi:
        keys = options.pop("keys", KEYS)
        with_recorder = known.setdefault(repr(options), replace(lent, http=recorder, deadline=60.0, **options))
        return with_recorder.open(kind, keys, "1500793319499")

    return make
