"""ClickHouse, inside the process (chDB) or as a server, behind one port."""

from pathlib import Path

from infra.clickhouse.port import ClickHouse

__all__ = ["ClickHouse", "open_clickhouse"]


def open_clickhouse(url: str, folder: Path, memory_bytes: int) -> ClickHouse:
    """The server at the URL, or the engine in this process over a folder. Nothing is imported or opened yet."""
    if url:
        from infra.clickhouse.server import ServerClickHouse

        return ServerClickHouse(url)
    from infra.clickhouse.embedded import EmbeddedClickHouse

    return EmbeddedClickHouse(folder, memory_bytes)
