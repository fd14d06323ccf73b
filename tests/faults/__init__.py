"""A server that misbehaves on demand: the table FAULTS, name → what it does with one connection.

Raw sockets on loopback, a thread a connection, everything closed on exit::

    with FaultServer("cut body") as server:
        ...  # talk to server.url
        assert len(server.requests) == 1
"""

from tests.faults.bodies import PAGE, bomb, echo, small_bomb
from tests.faults.server import FaultServer, closed_port, silent_port
from tests.faults.table import FAULTS, Fault, market
from tests.faults.visit import Seen, Visit, head

__all__ = [
    "FAULTS",
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
