"""The engine inside this process: chDB over a folder, which one process may open at a time.

It is imported and opened by the first thread that needs it, never by the event loop.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from infra.clickhouse.pooled import PooledClickHouse
from infra.clickhouse.port import SETTINGS

MARK_CACHE_BYTES = 64 * 1024 * 1024
SCHEDULE_THREADS = 8


class EmbeddedClickHouse(PooledClickHouse):
    """The port `ClickHouse`. ``memory_bytes`` bounds what the engine may take for queries, inserts and merges."""

    def __init__(self, folder: Path, memory_bytes: int) -> None:
        super().__init__("chdb")
        self._folder = folder
        self._options = {
            "max_server_memory_usage": memory_bytes,
            "mark_cache_size": MARK_CACHE_BYTES,
            "uncompressed_cache_size": 0,
            "index_mark_cache_size": MARK_CACHE_BYTES // 4,
            "background_schedule_pool_size": SCHEDULE_THREADS,
        }

    def open_client(self) -> Any:
        """Another connection to the one engine; the first imports and starts it."""
        import clickhouse_connect

        self._folder.mkdir(parents=True, exist_ok=True)
        path = str(self._folder / "data")
        return clickhouse_connect.get_client(interface="chdb", path=path, chdb_options=self._options, settings=SETTINGS)

    def insert_lines(self, client: Any, table: str, lines: bytes) -> None:
        """Through a file beside the data, one for each thread: what a kill leaves is written over."""
        file = self._folder / f"block-{threading.current_thread().name}.json"
        try:
            file.write_bytes(lines)
            quoted = str(file).replace("\\", "\\\\").replace("'", "\\'")
            client.command(f"INSERT INTO {table} FROM INFILE '{quoted}' FORMAT JSONEachRow")
        finally:
            file.unlink(missing_ok=True)
