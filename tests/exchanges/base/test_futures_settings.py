"""Futures settings outlive a request, and are the same for all processes."""

import pytest
from sqlalchemy import CursorResult, Engine
from sqlalchemy.exc import SQLAlchemyError

from database import open_state
from exchanges.base.futures_settings import FuturesSettings
from tests.test_database import at_once


def test_a_setting_is_kept_until_it_is_set_again(state: Engine) -> None:
    settings = FuturesSettings(state, "FuturesPaper", "a")
    assert settings.get("contract") is None
    settings.put("contract", "swap")
    assert settings.get("contract") == "swap"
    settings.put("contract", "quarter")
    assert settings.get("contract") == "quarter"
    assert settings.get("direction") is None


def test_a_markets_own_value_wins_over_that_for_all(state: Engine) -> None:
    settings = FuturesSettings(state, "FuturesPaper", "a")
    settings.put("leverage", "20", "BTC_USDT.swap")
    assert settings.get("leverage", "BTC_USDT.swap") == "20"
    assert settings.get("leverage", "ETH_USDT.swap") is None
    settings.put("leverage", "10")
    assert settings.get("leverage", "BTC_USDT.swap") == "20"
    assert settings.get("leverage", "ETH_USDT.swap") == "10"
    assert settings.get("leverage") == "10"


@pytest.mark.parametrize(("exchange", "account"), [("FuturesPaper", "b"), ("OtherFutures", "a"), ("futurespaper", "a")])
def test_settings_are_one_accounts_on_one_exchange(state: Engine, exchange: str, account: str) -> None:
    FuturesSettings(state, "FuturesPaper", "a").put("contract", "swap")
    assert FuturesSettings(state, exchange, account).get("contract") is None


def test_settings_survive_a_restart(state_url: str) -> None:
    for _ in range(2):
        engine = open_state(state_url)
        settings = FuturesSettings(engine, "FuturesPaper", "a")
        before = settings.get("contract")
        settings.put("contract", "swap")
        engine.dispose()
    assert before == "swap"


def test_threads_that_set_the_same_thing_first_leave_one_row(state: Engine) -> None:
    assert not at_once(lambda number: FuturesSettings(state, "FuturesPaper", "a").put("contract", str(number)), 8)
    with state.connect() as connection:
        [[rows]] = connection.exec_driver_sql("SELECT count(*) FROM futures_settings")
    assert rows == 1


def test_a_lost_table_is_a_database_error(state: Engine) -> None:
    with state.begin() as connection:
        connection.exec_driver_sql("DROP TABLE futures_settings")
    with pytest.raises(SQLAlchemyError, match="futures_settings"):
        FuturesSettings(state, "FuturesPaper", "a").get("contract")


def test_two_workers_may_set_the_same_for_the_first_time_at_once(
    state: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, fast = (FuturesSettings(state, "Tiny", "me") for _ in range(2))
    fast.put("direction", "sell")
    # The slow one looked before the fast one wrote, as it may where a transaction takes no lock when it begins.
    monkeypatch.setattr(CursorResult, "rowcount", 0)
    slow.put("direction", "buy")
    assert fast.get("direction") == "buy"
