"""One platform for every end-to-end test: a real ``cozeloop up`` that must start, serve and end without a fault."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest

from tests.e2e.laboratory import EXACT, NUMBER, Laboratory
from tests.e2e.models import Endpoint, Gate, Moody, broken, catalogue_of, echo
from tests.e2e.processes import Platform, cozeloop

FAULT = re.compile(r"^Traceback|\b(?:ERROR|CRITICAL)\b|was never (?:awaited|retrieved)", re.MULTILINE)
"""What a platform that was asked nothing but bad and good questions never says."""


@pytest.fixture(scope="session")
def gate() -> Gate:
    """The model ``gate`` (id 3); whoever lets somebody through lets through whoever waits."""
    return Gate()


@pytest.fixture(scope="session")
def moody() -> Moody:
    """The model ``moody`` (id 4), which fails as often as it is told to."""
    return Moody()


@pytest.fixture(scope="session")
def models(gate: Gate, moody: Moody) -> Iterator[Endpoint]:
    """Models of the platform: 1 ``echo``, 2 ``broken``, 3 ``gate``, 4 ``moody``."""
    with Endpoint({"echo": echo, "broken": broken, "gate": gate, "moody": moody}) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def platform(models: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that is ready; at the end it must stop when told, without a word of a fault, and leave a whole log."""
    folder = tmp_path_factory.mktemp("platform")
    config = folder / "model_config.yaml"
    config.write_text(catalogue_of(models, ["echo", "broken", "gate", "moody"]))
    with Platform(folder / "data", COZELOOP_MODEL_CONFIG=str(config), COZELOOP_EXPERIMENT_RETRY_SECONDS="0") as running:
        yield running.start().ready()
        assert running.stop() in (0, -signal.SIGTERM)
        assert faults(running.said) == []
        verified = cozeloop("verify", "--data-dir", running.data_dir)
        assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.fixture(scope="session")
def platform_url(platform: Platform) -> str:
    """Where it listens."""
    return platform.url


def faults(said: str) -> list[str]:
    """The lines that speak of a fault."""
    return [line for line in said.splitlines() if FAULT.search(line)]


@pytest.fixture(scope="module")
def lab(platform_url: str) -> Laboratory:
    """Somebody who experiments."""
    return Laboratory(platform_url)


@pytest.fixture(scope="module")
def exact(lab: Laboratory) -> str:
    """An evaluator that wants what the row says."""
    return lab.evaluator(EXACT)


@pytest.fixture(scope="module")
def number(lab: Laboratory) -> str:
    """An evaluator whose score is the row's text."""
    return lab.evaluator(NUMBER)


@pytest.fixture
def opened(gate: Gate) -> Iterator[Gate]:
    """The gate; whoever still waits at the end of the test is let through."""
    yield gate
    gate.let(gate.waiting)
