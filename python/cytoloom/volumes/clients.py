"""Clients of Dask: as they are given, or of the scheduler at an address."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from ..errors import InvalidError, invalid
from ..events import Event, note
from ..messages import said_by, say
from .addresses import EXPECTED, address_of
from .work import need_dask

ANSWER_S = 60
"""So long the scheduler at an address is waited for."""


@contextlib.contextmanager
def client_of(client: Any) -> Iterator[Any]:
    """Have a client, of the scheduler at an address where one is given; that goes with `with`.

    Parameters
    ----------
    client : dask.distributed.Client or str, optional
        A client is handed on. Text is an address, or the file that ``dask scheduler
        --scheduler-file`` writes, in which it is.

    Raises
    ------
    InvalidError
        Something else, Dask is not installed, or no scheduler answers there within a minute.

    Examples
    --------
    >>> with client_of(None) as client:
    ...     print(client)
    None
    """
    if client is None or hasattr(client, "submit"):
        yield client
        return
    if not isinstance(client, str):
        raise invalid("client", expected=f"a client of Dask, {EXPECTED}", received=client)
    address = address_of(client)
    need_dask(1, client)
    with _connected(address) as made:
        yield made


def shown_by(client: Any) -> Iterator[Event]:
    """Say where a cluster shows what it works on."""
    link = getattr(client, "dashboard_link", None)
    if link:
        yield note(f"Dask shows what it works on at {link} (where it has bokeh).")


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    from distributed import Client

    try:
        _knock(address)
        client = Client(address, timeout=ANSWER_S)
    except OSError as error:
        raise _no_answer(address, error.strerror or str(said_by(error))) from None
    except Exception:  # whatever another program's answer is read as
        raise _no_answer(address, "what answers there is no scheduler of Dask") from None
    with client:
        yield client


def _knock(address: str) -> None:
    """See that somebody answers: a client for whom nobody does leaves threads that complain."""
    host, _, port = address.partition("://")[2].rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()


def _no_answer(address: str, why: str) -> InvalidError:
    return invalid(
        "client",
        expected=f"a scheduler of Dask that answers within {ANSWER_S} s",
        received=say("{}: {}", address, why),
        remedy="Look whether it runs, and whether this machine reaches it.",
    )
