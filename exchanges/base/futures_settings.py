"""The futures settings that FMZ makes with separate calls, kept in the database."""

from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import Column, Engine, String, Table
from sqlalchemy.exc import IntegrityError

from database import storable
from tables import METADATA

_LONGEST = 40  # characters of a value

_SETTINGS = Table(
    "futures_settings",
    METADATA,
    Column("exchange", String(40), primary_key=True),
    Column("account", String(32), primary_key=True),
    Column("setting", String(16), primary_key=True),
    Column("symbol", String(130), primary_key=True),  # "" for all markets
    Column("value", String(_LONGEST), nullable=False),
)


class FuturesSettings:
    """The contract, direction and leverage that one account set on one exchange, as all workers see them.

    object_name: of an exchange object of FMZ, whose settings are its own; empty for those of the account.
    """

    def __init__(self, engine: Engine, exchange: str, account: str, object_name: str = "") -> None:
        self._engine = engine
        if object_name:  # which may be longer than the column
            account = uuid5(NAMESPACE_OID, storable(f"{account} {object_name}")).hex
        self._mine = (_SETTINGS.c.exchange == exchange) & (_SETTINGS.c.account == account)
        self._owner = {"exchange": exchange, "account": account}

    def get(self, setting: str, symbol: str = "") -> str | None:
        """Return the value set for ``symbol``, else the one set for all markets, else None."""
        wanted = _SETTINGS.select().where(
            self._mine, _SETTINGS.c.setting == setting, _SETTINGS.c.symbol.in_(("", symbol))
        )
        with self._engine.connect().execution_options(reading=True) as connection:
            values = {row.symbol: str(row.value) for row in connection.execute(wanted)}
        return values.get(symbol, values.get(""))

    def refuse(self, setting: str, given: str) -> None:
        """Forget a setting because another value for it was refused; ``refused`` returns that one then."""
        self.put(f"no {setting}", storable(given)[:_LONGEST])
        self.clear(setting)

    def refused(self, setting: str) -> str | None:
        """Return the last value that was refused for a setting, None if none was. It says nothing of a setting that was
        set since."""
        return self.get(f"no {setting}")

    def clear(self, setting: str) -> None:
        """Forget a setting, of every market and of all."""
        with self._engine.begin() as connection:
            connection.execute(_SETTINGS.delete().where(self._mine, _SETTINGS.c.setting == setting))

    def put(self, setting: str, value: str, symbol: str = "") -> None:
        """Store a value, for one market or (empty ``symbol``) for all that have none of their own."""
        mine = (self._mine, _SETTINGS.c.setting == setting, _SETTINGS.c.symbol == symbol)
        change = _SETTINGS.update().where(*mine).values(value=value)
        with self._engine.begin() as connection:
            if connection.execute(change).rowcount:
                return
            row = {**self._owner, "setting": setting, "symbol": symbol, "value": value}
            try:
                with connection.begin_nested():
                    connection.execute(_SETTINGS.insert().values(row))
            except IntegrityError:  # another worker was faster
                connection.execute(change)
