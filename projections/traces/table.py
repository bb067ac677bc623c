"""The table of spans. Its order is the order of pages; codecs and indexes are those that were measured.

Times are microseconds in Int64. ``seq`` is the position in SPANS of the batch that brought the row.
"""

from __future__ import annotations

TABLE = "spans_v1"
PLACES = "span_places"
DAY = 86_400_000_000
"""Microseconds of one partition."""

COLUMNS = """
  space_id UInt64 CODEC(Delta, ZSTD(1)),
  start_time Int64 CODEC(Delta, ZSTD(1)),
  trace_id String CODEC(ZSTD(1)),
  span_id String CODEC(ZSTD(1)),
  parent_id String CODEC(ZSTD(1)),
  duration Int64 CODEC(T64, ZSTD(1)),
  span_name LowCardinality(String),
  span_type LowCardinality(String),
  call_type LowCardinality(String),
  status_code Int32 CODEC(T64, ZSTD(1)),
  service_name LowCardinality(String),
  logid String CODEC(ZSTD(1)),
  method LowCardinality(String),
  model_name LowCardinality(String),
  model_provider LowCardinality(String),
  user_id String CODEC(ZSTD(1)),
  thread_id String CODEC(ZSTD(1)),
  message_id String CODEC(ZSTD(1)),
  prompt_key LowCardinality(String),
  prompt_version LowCardinality(String),
  input_tokens Int64 CODEC(T64, ZSTD(1)),
  output_tokens Int64 CODEC(T64, ZSTD(1)),
  input String CODEC(ZSTD(1)),
  output String CODEC(ZSTD(1)),
  tags_string JSON(max_dynamic_paths=64),
  tags_long JSON(max_dynamic_paths=64),
  tags_double JSON(max_dynamic_paths=16),
  tags_bool JSON(max_dynamic_paths=16),
  system_tags JSON(max_dynamic_paths=64),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  is_root UInt8 MATERIALIZED parent_id IN ('', '0'),
  INDEX ix_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
  INDEX ix_user user_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX ix_thread thread_id TYPE bloom_filter(0.01) GRANULARITY 1
"""
CONTENT = ("input", "output")
NOT_READ = ("INDEX", "seq", "is_root", *CONTENT)
_FIRST_WORDS = [each.split()[0] for each in COLUMNS.strip().splitlines()]
READ = tuple(name for name in _FIRST_WORDS if name not in NOT_READ)
"""The columns of an answer without input and output."""


def create_spans(table: str) -> str:
    """A table of spans. Synced at each insert: a position must not be remembered longer than the rows before it."""
    return (
        f"CREATE TABLE IF NOT EXISTS {table} ({COLUMNS}) ENGINE = ReplacingMergeTree(seq) "
        f"PARTITION BY intDiv(start_time, {DAY}) ORDER BY (space_id, start_time, span_id, trace_id) "
        "SETTINGS index_granularity = 1024, old_parts_lifetime = 10, fsync_after_insert = 1, fsync_part_directory = 1"
    )


def create_places() -> str:
    """How far the table of spans has come in each stream SPANS that it was fed from, and what it met there."""
    return (
        f"CREATE TABLE IF NOT EXISTS {PLACES} (table_name String, stream String, position UInt64, conflicts UInt64) "
        "ENGINE = ReplacingMergeTree(position) ORDER BY (table_name, stream) "
        "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
    )


ALL = (*READ, *CONTENT, "seq")
"""Every column that is written."""


def literal(value: str | int | float | bool) -> str:
    """A value as ClickHouse's SQL says it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return repr(value)
