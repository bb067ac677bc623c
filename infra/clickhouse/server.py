"""A ClickHouse server or cluster, over HTTP."""

from __future__ import annotations

from typing import Any

from infra.clickhouse.pooled import PooledClickHouse
from infra.clickhouse.port import SETTINGS

CONNECT_SECONDS = 5
ANSWER_SECONDS = 60


class ServerClickHouse(PooledClickHouse):
    """The port `ClickHouse`. The URL is ``http[s]://[user[:password]@]host[:port][/database]``."""

    def __init__(self, url: str) -> None:
        super().__init__("clickhouse")
        self._url = url

    def open_client(self) -> Any:
        """A client with connections of its own."""
        import clickhouse_connect

        return clickhouse_connect.get_client(
            dsn=self._url,
            settings=SETTINGS,
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=ANSWER_SECONDS,
            autogenerate_session_id=False,
        )
