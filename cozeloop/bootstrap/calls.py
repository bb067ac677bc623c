"""What runs outside of the log: calls of models, and code evaluators in their sandbox."""

from __future__ import annotations

import contextlib
import logging

from cozeloop.bootstrap.core import Core
from infra.llm.catalogue import Catalogue, load_catalogue
from infra.llm.gateway import LitellmGateway, Retries
from infra.sandbox.runner import SandboxCodeRunner

log = logging.getLogger("cozeloop.bootstrap")

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def open_models(core: Core) -> LitellmGateway:
    """The configured models; none when no file is named."""
    settings = core.process.settings
    catalogue = load_catalogue(settings.model_config_path) if settings.model_config_path else Catalogue()
    gateway = LitellmGateway(
        catalogue,
        timeout=settings.model_call_timeout_seconds,
        retries=Retries(attempts=settings.model_call_attempts),
        limits=core.process.platform.limits,
    )
    core.process.on_close(gateway.aclose)
    return gateway


def open_sandbox(core: Core) -> SandboxCodeRunner:
    """Isolation; without it only where the settings allow it and nobody from elsewhere can call."""
    settings = core.process.settings
    code = SandboxCodeRunner(unsafe=settings.unsafe_code and settings.host in LOOPBACK)
    core.process.on_close(code.close)
    return code


async def warm(core: Core, models: LitellmGateway, code: SandboxCodeRunner) -> None:
    """Imports what takes seconds before somebody waits for it, and tries the sandbox."""
    with contextlib.suppress(Exception):
        if core.process.settings.model_config_path:
            await models.warm()
    if fault := await code.self_test():
        log.warning("code evaluators are refused on this machine: %s", fault)
