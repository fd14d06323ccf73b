"""One call through ccxt: its keys, its nonces, its tries, and the error for what went wrong."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from exchanges.base import Exchange, ExchangeError, OrderNotFound, OutcomeUnknown
from exchanges.ccxt import keys
from exchanges.ccxt.library import Engine, Library, lineage
from exchanges.ccxt.quirks import CODES, KEYED_DATA
from exchanges.ccxt.refusals import REFUSALS, WRONG_KEYS, before_sending, code_and_words, definite, kind_of
from exchanges.ccxt.session import Session, is_json
from protocol.errors import UNREADABLE, AuthenticationFailed, ExchangeFailed, GatewayError
from transport.meaning import refusal_by_status
from transport.reply import MAX_EXCERPT, Reply

T = TypeVar("T")


class CcxtCalls(Exchange):
    """The way from an exchange's methods to ccxt's, and from ccxt's errors to ours."""

    library: ClassVar[Library]

    @property
    def engine(self) -> Engine:
        """Return the ccxt exchange of this upstream, made when it is first asked for."""
        upstream = self.upstream
        address = "" if upstream.address in (self.url, self.testnet) else upstream.address
        return upstream.attached(lambda: self.library.open(testing=upstream.testing, address=address))

    @property
    def keys(self) -> dict[str, str]:
        """Return the keys by ccxt's names. Raises AuthenticationFailed where one is missing."""
        return keys.unpack(self.name, self.library.required, self.credentials)

    def require_keys(self) -> None:
        """Raise AuthenticationFailed where a key is missing, before anything is asked."""
        keys.unpack(self.name, self.library.required, self.credentials)

    def time(self) -> int | None:
        if not self.library.has("fetchTime"):
            return None
        return int(self.run(lambda ccxt: ccxt.fetch_time(), Session(self, self.engine), {}))

    def read(self, ask: Callable[[Any], T], *, signed: bool = True) -> T:
        """Return what ``ask`` returns for an instance of ccxt. It changes nothing at the exchange, so it is repeated
        when it was not sent, or when the exchange's server failed."""
        signed = signed or (self.library.id in KEYED_DATA and bool(self.credentials.key))
        given = self.keys if signed else {}
        if signed:
            self.clock_offset()

        def read() -> T:
            session = Session(self, self.engine, shares=not given)
            found = self.run(ask, session, given)
            session.keep()
            return found

        return self.repeated(read)

    def change(
        self,
        ask: Callable[[Any], T],
        *,
        cancels: bool = False,
        numbers: frozenset[Decimal] = frozenset(),
    ) -> T:
        """Return what ``ask`` returns for an instance of ccxt, asked only once. Raises OutcomeUnknown whenever
        something may have been done. numbers: those that must be written as they are."""
        session = Session(self, self.engine, once=True, cancels=cancels, numbers=numbers)
        given = self.keys
        self.clock_offset()
        return self.run(ask, session, given, changes=True)

    def run(self, ask: Callable[[Any], T], session: Session, given: dict[str, str], *, changes: bool = False) -> T:
        """Return what ``ask`` returns for an instance of ccxt with these keys. Raises GatewayError only."""
        with self.nonce(wanted=bool(given) and self.library.serial) as lease_us:
            session.lease_us = lease_us
            try:
                with self.engine.checkout(session, given) as instance:
                    found = ask(instance)
                if changes and session.failure:  # ccxt took it for something else
                    raise session.failure
            except Exception as error:  # noqa: BLE001 - whatever ccxt raises, an order may have left
                raise self._error(error, session, changes=changes) from None
            finally:
                self._outlast(session)
            return found

    def _error(self, error: Exception, session: Session, *, changes: bool) -> GatewayError:
        """Return our error for what ended a call."""
        failed = session.failure
        if not session.requests:
            return failed or (
                error if isinstance(error, GatewayError) else before_sending(self.name, lineage(error), error)
            )
        if failed and changes and not isinstance(failed, OutcomeUnknown):  # an earlier request did leave
            return OutcomeUnknown(failed.message)
        if failed:
            return failed
        reply = session.reply
        if reply is None:
            return OutcomeUnknown(f"{self.name}: the call broke off ({type(error).__name__})")
        meant = self._refusal(error, session, reply)
        if session.is_own:
            self._heed(reply, meant)
        alone = all(sent.safe for sent in session.requests[:-1]) and not session.requests[-1].safe
        said = error is session.refusal or reply.status >= 400  # not by ccxt, when it read a success
        clear = is_json(reply) and definite(type(meant), lineage(error), *said_by(reply))
        sure = said and reply.status < 500 and clear
        if changes and not (sure and (alone or len(session.requests) == 1)):
            return meant if isinstance(meant, OutcomeUnknown) else OutcomeUnknown(meant.message, code=meant.code)
        return meant

    def _refusal(self, error: Exception, session: Session, reply: Reply) -> GatewayError:
        """Return what the last reply means, whether or not ccxt took it for a refusal."""
        kinds = lineage(error)
        kind = kind_of(kinds, REFUSALS) if error is session.refusal else None
        by_status = refusal_by_status(reply.status)
        if kind in (None, ExchangeError):  # the HTTP status says more
            kind = by_status or kind
        if kind is OutcomeUnknown and by_status is ExchangeFailed:
            kind = ExchangeFailed
        if kind is None and kinds[:1] == ["OrderNotFound"]:  # ccxt searched the reply for it
            return OrderNotFound(f"{self.name} has no such order")
        if kind is None:
            wrong = self.what_is_wrong(error) if isinstance(error, UNREADABLE) else "ccxt cannot read it"
            return OutcomeUnknown(f"{self.name}: the reply is not as the ccxt library expects ({wrong})")
        code, words = said_by(reply)
        if kind is ExchangeError and WRONG_KEYS.search(words):
            kind = AuthenticationFailed
        kind = CODES.get(self.library.id, {}).get(code, kind)
        if reply.status < 400 and not (code or words):  # whatever ccxt takes it for, it says no
            return OutcomeUnknown(f"{self.name}: the reply is not as the ccxt library expects ({reply.excerpt()})")
        text = " ".join(f"{code} {words}".split()) or f"HTTP {reply.status}: {reply.excerpt()}"
        if self.replies and self.replies[-1] == reply.body:
            self.replies.pop()  # a refusal is no reply to show
        return kind(f"{self.name} {self.scrub(text)[:MAX_EXCERPT]}", code=self.scrub(code))

    def _outlast(self, session: Session) -> None:
        """Wait until the clock has passed the last nonce, so that the next process's first one is greater: most are in
        ms, and another process has the key the moment after."""
        if session.last_nonce:
            ahead_us = (session.last_nonce + 1) * session.unit_us - self.upstream.services.now() * 1000
            if 0 < ahead_us < 2_000_000:
                self.upstream.services.sleep(min(ahead_us / 1_000_000, self.deadline.left()))


def said_by(reply: Reply) -> tuple[str, str]:
    """Return the exchange's own error code and text in a reply; empty where it has none."""
    return code_and_words(reply.json(exact=False)) if is_json(reply) else ("", "")
