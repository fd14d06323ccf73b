"""The part of an exchange that orders need."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar, Protocol, Self

from protocol.deadline import Deadline
from protocol.models import Direction, NewOrder, Order, OrderId, Symbol


class Trader(Protocol):
    """One account on one exchange, for the time of one call; ``exchanges.base.Exchange`` describes each part.

    absent_after: seconds after which an order that is not found does not exist. has_contracts: True if FMZ's name of a
    market may mean another one later. replies: the JSON texts of the exchange's replies to this object's calls. urgent:
    True if its calls may use the part of each limit that is kept for cancels. last_check: called when all waiting is
    over and before a request goes out; what it raises ends the call, with nothing sent.
    """

    name: ClassVar[str]
    client_id: ClassVar[Any]
    absent_after: ClassVar[float]
    has_contracts: ClassVar[bool]
    deadline: Deadline
    replies: list[bytes]
    urgent: bool
    last_check: Callable[[], None]

    @property
    def account(self) -> str:
        """Return a name for the account that can be stored."""

    @property
    def secret_digest(self) -> str:
        """Return a digest of the account's secret that can be stored."""

    def fresh(self, deadline: Deadline | None = None) -> Self:
        """Return the same account's exchange with replies of its own and, if given, another deadline."""

    def resolve(self, symbol: Symbol) -> Symbol:
        """Return the market that FMZ means."""

    def market(self, symbol: Symbol) -> str:
        """Return the exchange's own name of a market."""

    def new_client_id(self) -> str:
        """Return the client id of this request's order."""

    def new_order(self, symbol: Symbol, direction: Direction, price: Decimal | None, amount: Decimal) -> NewOrder:
        """Return the order that FMZ's parameters describe."""

    def prepare(self, order: NewOrder) -> None:
        """Make the calls that an order needs before it is sent."""

    def fit(self, order: NewOrder) -> NewOrder:
        """Return the order on its market's steps."""

    def trade(self, order: NewOrder) -> OrderId:
        """Send an order; return its id."""

    def orders(self, symbol: Symbol | None) -> list[Order]:
        """Return the open orders."""

    def order(self, symbol: Symbol, order_id: str) -> Order:
        """Return one order."""

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        """Return the id of the order with this client id, open or not; None where there is none."""

    def modify(self, order_id: str, order: NewOrder) -> OrderId:
        """Give an open order another price and whole amount; return its id."""

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        """Cancel an order; return True only when the reply says that it is cancelled."""

    def explain(self, order: NewOrder) -> str:
        """Return the rules of an order's market as a sentence."""

    def unreadable(self, error: Exception) -> Exception:
        """Return the error for a reply that could not be read."""

    def scrub(self, text: str) -> str:
        """Return a text without secrets."""
