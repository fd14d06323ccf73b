"""What orders need of an exchange."""

from decimal import Decimal
from typing import Any, ClassVar, Protocol

from protocol.models import Direction, NewOrder, Order, OrderId, Symbol


class Venue(Protocol):
    """One account on one exchange, for the time of one call; ``exchanges.base.Exchange`` says what each part means."""

    name: ClassVar[str]
    client_id: ClassVar[Any]
    settled: ClassVar[float]
    until: float
    reply: bytes | None

    @property
    def account(self) -> str:
        """A name for the account that can be stored."""

    def resolve(self, symbol: Symbol) -> Symbol:
        """The market FMZ means."""

    def new_client_id(self) -> str:
        """The client id of this request's order."""

    def new_order(self, symbol: Symbol, direction: Direction, price: Decimal | None, amount: Decimal) -> NewOrder:
        """The order that FMZ's words mean."""

    def prepare(self, order: NewOrder) -> None:
        """Ask and tell all that an order needs beforehand."""

    def trade(self, order: NewOrder) -> OrderId:
        """Send the order."""

    def orders(self, symbol: Symbol | None) -> list[Order]:
        """Open orders."""

    def order(self, symbol: Symbol, order_id: str) -> Order:
        """One order."""

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        """The id of the order that carries our client id."""

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        """Cancel an order."""

    def explain(self, symbol: Symbol) -> str:
        """A market's rules as a sentence."""

    def unreadable(self, error: Exception) -> Exception:
        """The error for a reply that a reader could not make sense of."""

    def scrub(self, text: str) -> str:
        """A text without what nobody may read."""
