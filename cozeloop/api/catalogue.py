"""Every route of every capability: each module under ``cozeloop/api/<capability>/`` that exports ``api``."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import cozeloop.api
from cozeloop.api.routing import Api, Declared

HOT = ("/v1/loop/prompts/mget", "/v1/loop/traces/ingest")
"""Asked so often that they come first: routes are tried one by one."""


@cache
def apis() -> tuple[Api, ...]:
    """The capabilities' routes, and the operator's, in a stable order."""
    from cozeloop.api import admin

    found: dict[int, Api] = {id(admin.api): admin.api}
    for package in sorted(i.name for i in pkgutil.iter_modules(cozeloop.api.__path__) if i.ispkg and i.name != "wire"):
        path = importlib.import_module(f"cozeloop.api.{package}").__path__
        for module in sorted(i.name for i in pkgutil.iter_modules(path)):
            api = getattr(importlib.import_module(f"cozeloop.api.{package}.{module}"), "api", None)
            if isinstance(api, Api):
                found[id(api)] = api
    return tuple(found.values())


def declared() -> list[Declared]:
    """Every route in the order in which it is tried; two of one method and path are a defect."""
    routes = [route for api in apis() for route in api.routes]
    seen: set[tuple[str, str]] = set()
    for route in routes:
        if (route.method, route.path) in seen:
            raise TypeError(f"{route.method} {route.path} is declared twice")
        seen.add((route.method, route.path))
    return sorted(routes, key=lambda r: (r.path not in HOT, r.order, r.path, r.method))
