"""Relational databases behind SQLAlchemy Core."""

from __future__ import annotations

from infra.sql.opening import open_database

__all__ = ["open_database"]
