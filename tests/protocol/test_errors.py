"""The words that an error's class puts into every text of it."""

from protocol.errors import Unsupported, kinds, recalled


def test_what_cannot_be_done_is_not_supported() -> None:
    for kind in kinds():
        assert ("not supported" in str(kind("x"))) is issubclass(kind, Unsupported)


def test_an_error_that_was_stored_has_the_words_once() -> None:
    text = str(Unsupported("Tiny has no new orders"))
    assert text == str(recalled(text)) == "UNSUPPORTED not supported: Tiny has no new orders"
