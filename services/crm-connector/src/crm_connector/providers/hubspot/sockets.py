"""Connections that are closed if connecting took too long as a whole.

A connect timeout holds for each address, and does not include the name look-up. A request that leaves late may land
after its lease (R4), so a connection that took longer than its timeout is not used: nothing has been sent on it yet.
"""

import time
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError


class _PromptHttp(HTTPConnection):
    def connect(self) -> None:
        began = time.monotonic()
        super().connect()
        _check(self, began)


class _PromptHttps(HTTPSConnection):
    def connect(self) -> None:
        began = time.monotonic()
        super().connect()
        _check(self, began)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _PromptHttp


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _PromptHttps


class PromptAdapter(HTTPAdapter):
    """Opens connections that are used only if they were made within their connect timeout; never repeats a request."""

    def __init__(self) -> None:
        super().__init__(pool_connections=4, pool_maxsize=32, max_retries=0)

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        """Make the pools open our connections."""
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


def _check(connection: HTTPConnection, began: float) -> None:
    """Close a connection that was made too late."""
    if connection.timeout is not None and time.monotonic() - began > connection.timeout:
        connection.close()
        raise ConnectTimeoutError(connection, "connecting took too long")
