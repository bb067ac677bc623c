"""Every setting, with its default and the environment variable that changes it (``COZELOOP_`` + the name)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read once at start; a URL picks the adapter, nothing else differs between the shapes."""

    model_config = SettingsConfigDict(env_prefix="COZELOOP_", extra="ignore", frozen=True)

    data_dir: Path = Field(default=Path(".cozeloop"), description="Everything the embedded shape keeps.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8888, ge=0, le=65535, description="Port to listen on.")
    database_url: str = Field(default="", description="Read models; empty = SQLite under the data directory.")
    vault_url: str = Field(default="", description="Vault; empty = SQLite under the data directory.")
    cache_url: str = Field(
        default="",
        description="Redis that all processes share for rate limits (redis://host:6379/0); empty = in process.",
    )
    destroyed_keys: Path | None = Field(
        default=None,
        description="List of destroyed keys, in no backup; empty = `destroyed.keys` of the data directory.",
    )
    objects_url: str = Field(
        default="",
        description="Object store, `https://KEY:SECRET@host:9000/bucket`; empty = files under the data directory.",
    )
    file_max_bytes: int = Field(default=256 * 1024 * 1024, ge=1, description="Largest uploaded file.")
    file_retention_days: float = Field(
        default=7, ge=1, description="Days that an uploaded file is kept at least; what was imported of it stays."
    )
    clickhouse_url: str = Field(
        default="",
        description="ClickHouse for traces (http://user:password@host:8123/database); empty = in this process.",
    )
    clickhouse_memory_bytes: int = Field(
        default=1_000_000_000, ge=1, description="Most memory that ClickHouse in this process may take."
    )
    spans_max_age_days: float = Field(
        default=30, gt=0, description="Days that the stream SPANS keeps spans; the trace table keeps them longer."
    )
    spans_max_bytes: int = Field(
        default=10 * 1024**3, gt=0, description="Bytes that the stream SPANS keeps at most, oldest dropped first."
    )
    ingest_max_spans: int = Field(default=100, ge=1, description="Spans of one request.")
    trace_query_days: int = Field(default=180, ge=1, description="Days back that a query of traces reaches.")
    model_config_path: Path | None = Field(
        default=None, alias="COZELOOP_MODEL_CONFIG", description="Coze Loop's model_config.yaml."
    )
    unsafe_code: bool = Field(
        default=False, description="Run code evaluators without isolation; loopback listeners only."
    )
    secure_cookies: bool = Field(default=False, description="Mark session cookies Secure (behind https).")
    registration_blocked: bool = Field(default=False, description="Refuse registration except allowed_emails.")
    allowed_emails: str = Field(default="", description="E-mails that may register, separated by ';'.")
    min_free_bytes: int = Field(
        default=64 * 1024 * 1024, ge=0, description="Room on the data directory's disk below which nothing is written."
    )
    max_body_bytes: int = Field(default=20 * 1024 * 1024, ge=1, description="Largest request body.")
    read_wait_seconds: float = Field(default=5.0, ge=0, description="Longest wait for a read model after a command.")
    ready_wait_seconds: float = Field(default=15.0, ge=0, description="Longest wait of a request for readiness.")
    mget_per_second: float = Field(default=500, ge=0, description="Prompt fetches a second and space; 0 = unlimited.")
    login_per_minute: float = Field(
        default=20, ge=0, description="Logins and registrations a minute and address; 0 = unlimited."
    )
    dataset_max_items: int = Field(default=5000, ge=1, description="Items of an evaluation set.")
    dataset_max_fields: int = Field(default=50, ge=1, description="Fields of an evaluation set.")
    dataset_max_item_bytes: int = Field(default=204800, ge=1, description="Bytes of one item.")
    dataset_max_batch: int = Field(default=100, ge=1, description="Items of one batch_create.")
    experiment_concurrency: int = Field(
        default=3, ge=1, le=200, description="Items at once when an experiment names no number."
    )
    experiment_max_running: int = Field(default=200, ge=1, description="Experiments running at once in a space.")
    experiment_run_seconds: float = Field(
        default=129600, gt=0, description="Longest life of a run of an experiment; it may name a shorter one."
    )
    experiment_item_seconds: float = Field(
        default=1200, gt=0, description="Longest time a worker takes for one item; then it has failed."
    )
    experiment_retry_seconds: float = Field(
        default=1, ge=0, description="Pause before an item's second attempt; doubled each time, 20 s at most."
    )
    model_call_timeout_seconds: float = Field(default=60, gt=0, description="Longest single call of a model.")
    model_call_attempts: int = Field(default=4, ge=1, description="How often a model call is tried in all.")
    snapshot_after_events: int = Field(
        default=20, ge=0, description="Events of a stream after which its folded state is copied; 0 = never."
    )
    as_of_max_events: int = Field(default=200_000, ge=1, description="Events that one as-of question may fold.")
    as_of_max_bytes: int = Field(
        default=256 * 1024 * 1024, ge=1, description="Bytes that the tables of one as-of question may hold, in memory."
    )
    model_quota_wait_seconds: float = Field(
        default=600, ge=0, description="How long an experiment's model call waits for its quota before it fails."
    )
    worker_slots: int = Field(default=64, ge=1, description="Tasks one worker process performs at once.")
    event_readers: int = Field(default=256, ge=1, description="Open readers of events in one process.")
    event_readers_each: int = Field(default=16, ge=1, description="Open readers of events of one user.")
    event_heartbeat_seconds: float = Field(default=15, gt=0, description="Longest silence of an event stream.")
    outbound_allowed_networks: str = Field(
        default="", description="Private networks that user-given URLs may lead to, such as '10.0.0.0/8;127.0.0.0/8'."
    )
    webhook_attempts: int = Field(default=12, ge=1, description="How often a delivery is tried in all.")
    webhook_retry_seconds: float = Field(
        default=10, gt=0, description="Pause after the first attempt; it doubles with each, up to an hour."
    )
