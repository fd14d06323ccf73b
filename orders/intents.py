"""An order as it was requested, and its state."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from protocol.models import NewOrder, OrderId, Side, Symbol


class State(StrEnum):
    """The state of an order."""

    SENDING = "sending"
    """An order that is being sent, or whose process died meanwhile."""
    UNKNOWN = "unknown"
    """An order that was sent and may exist."""
    ACCEPTED = "accepted"
    """An order that exists."""
    REFUSED = "refused"
    """An order that the exchange refused."""
    NOT_SENT = "not sent"
    """An order that was not sent; the same request may be tried again."""
    ABSENT = "absent"
    """An order that was sent and does not exist."""


OPEN = (State.SENDING, State.UNKNOWN)
"""The states of an order that must be resolved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """An order as it was requested. Times in ms since the epoch, 0 for none yet.

    nonce: of FMZ's request, empty if it had none. expires_ms: when its own request has ended for certain. open_before:
    ids of the orders that were open before it, on an exchange without client ids. reply: the exchange's reply in JSON,
    or the error's text. unclear_since_ms: when sending it ended without a definite answer. told_ms: when its caller was
    told that the outcome is unknown, or must have noticed. looked_ms, look_count: the time of its last look-up, and the
    number of them. answered_as: client id of the request that was answered with it, its own or a later one; empty while
    there is none. market_name: the exchange's own name of the market that it was sent to; FMZ's in orders of 0.1.0.
    secret_digest: of the secret that it was placed with, empty in orders of 0.1.0.
    """

    client_id: str
    exchange: str
    account: str
    nonce: str
    symbol: Symbol
    market_name: str
    side: Side
    price: Decimal | None
    amount: Decimal
    closes: bool
    created_ms: int
    expires_ms: int
    open_before: frozenset[str] | None = None
    state: State = State.SENDING
    order_id: OrderId | None = None
    reply: str | None = None
    unclear_since_ms: int = 0
    told_ms: int = 0
    looked_ms: int = 0
    look_count: int = 0
    answered_as: str = ""
    secret_digest: str = ""

    @property
    def line(self) -> tuple[str, ...]:
        """Return its line, see ``line_of``."""
        return line_of(self.exchange, self.account, self)

    @property
    def sent_to(self) -> Symbol:
        """Return the market that it was sent to, whatever FMZ's name of it means today."""
        return self.symbol.by_own_name(self.market_name)

    def has_secret_of(self, other: "Intent") -> bool:
        """Return True if both were placed with the same secret, or it is not known of one."""
        return not self.secret_digest or not other.secret_digest or self.secret_digest == other.secret_digest

    def is_repeat(self, earlier: "Intent") -> bool:
        """Return True if an earlier intent is of the same request: the same nonce and the same order."""
        if self.client_id == earlier.client_id:
            return True
        same_nonce = bool(self.nonce) and (self.exchange, self.account, self.nonce) == (
            earlier.exchange, earlier.account, earlier.nonce,
        )  # fmt: skip
        # FMZ's name may mean another contract by now; the exchange's own is not known of orders of 0.1.0.
        same_market = self.market_name == earlier.market_name or self.symbol == earlier.symbol
        terms, before = ((one.side, one.closes, one.price, one.amount) for one in (self, earlier))
        return same_nonce and same_market and terms == before

    def is_abandoned(self, now_ms: int) -> bool:
        """Return True once its own request has ended, so that others may resolve it."""
        return bool(self.told_ms) or self.expires_ms < now_ms

    def is_like(self, other: "Intent", percent: Decimal) -> bool:
        """Return True if another order of the same line may be a strategy's next attempt at this one: with the same
        secret, both market orders or both with a limit, and they differ by at most ``percent`` in price and in
        amount."""
        if (self.price is None) is not (other.price is None) or not self.has_secret_of(other):
            return False
        if self.nonce and self.nonce == other.nonce:  # nobody tries twice within a millisecond
            return False
        return all(distance * 100 <= percent for distance in self._distances(other))

    def distance(self, other: "Intent") -> Decimal:
        """Return how far two orders are apart, in price and amount together: 0 for the same terms."""
        return sum(self._distances(other), Decimal(0))

    def _distances(self, other: "Intent") -> list[Decimal]:
        """Return the differences in amount and in price, as parts of the greater one."""
        pairs = [(self.amount, other.amount), (self.price or Decimal(0), other.price or Decimal(0))]
        return [abs(one - two) / max(one, two) if one != two else Decimal(0) for one, two in pairs]


def line_of(exchange: str, account: str, order: NewOrder | Intent) -> tuple[str, ...]:
    """Return the line of an order: orders of one account, market, side, and opening or closing go one after another.
    Side and closing together tell the side of the position."""
    return (exchange, account, order.market_name, order.side, "close" if order.closes else "open")
