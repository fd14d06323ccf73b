"""A server that misbehaves on demand: the table FAULTS, name → what it does with one connection.

Raw sockets on loopback, a thread a connection, everything closed on exit::

    with FaultServer("cut body") as server:
        ...  # talk to server.url
        assert len(server.requests) == 1
"""

from exchanges.kit.faults.bodies import PAGE, bomb, echo, small_bomb
from exchanges.kit.faults.server import FaultServer, closed_port, silent_port
from exchanges.kit.faults.table import FAULTS, Fault, market
from exchanges.kit.faults.verdicts import ORDERS
from exchanges.kit.faults.visit import Seen, Visit, head

__all__ = [
    "FAULTS",
    "ORDERS",
    "PAGE",
    "Fault",
    "FaultServer",
    "Seen",
    "Visit",
    "bomb",
    "closed_port",
    "echo",
    "head",
    "market",
    "silent_port",
    "small_bomb",
]
