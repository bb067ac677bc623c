"""Code evaluators behind walls. `SandboxCodeRunner` is the adapter; `ALLOWED_MODULES` what scripts may import."""

from infra.sandbox.modules import ALLOWED_MODULES
from infra.sandbox.runner import SandboxCodeRunner
from infra.sandbox.static import static_refusal

__all__ = ["ALLOWED_MODULES", "SandboxCodeRunner", "static_refusal"]
