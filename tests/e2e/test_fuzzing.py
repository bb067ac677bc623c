"""Whatever fits or breaks the documentation of the API is answered without a fault: schemathesis' fuzzing phase.

A session, a token and, for the operator's routes, the operator's token are good, so that requests reach the handlers.
The seed is fixed; COZELOOP_SOAK=1 asks ten times as much.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cozeloop.api
from cozeloop.demo.tour import Tour
from tests.e2e.conftest import faults
from tests.e2e.processes import Platform

DOCUMENTATION = Path(cozeloop.api.__file__).with_name("openapi.json")
SEED = "20261121"
EXAMPLES = 120 if os.environ.get("COZELOOP_SOAK") == "1" else 12
LEFT_OUT = "(logout|reset_password|/v1/platform/events|admin/backup)$"
"""What ends the session, an answer that never ends, and files anywhere; they have tests of their own."""
LONGEST_SECONDS = 120

pytestmark = [pytest.mark.slow, pytest.mark.timeout(LONGEST_SECONDS * 12)]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(tmp_path / "data") as running:
        yield running.start().ready()


@pytest.mark.parametrize("who", ["a browser", "an SDK", "the operator"])
def test_nothing_that_is_asked_ends_in_a_fault(platform: Platform, tmp_path: Path, who: str) -> None:
    tour = Tour(platform.url)
    tour.register()
    operator = json.loads((platform.data_dir / "run.json").read_text())["token"]
    routes = {"a browser": "^/api/", "an SDK": "^/v1/(?!platform/admin)", "the operator": "^/v1/platform/"}
    credentials = {
        "a browser": ("Cookie", f"session_key={tour.http.cookies['session_key']}"),
        "an SDK": ("Authorization", f"Bearer {tour.token}"),
        "the operator": ("Authorization", f"Bearer {operator}"),
    }
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", str(DOCUMENTATION), "--url", platform.url),
        *("--header", ":".join(credentials[who]), "--include-path-regex", routes[who]),
        *("--exclude-path-regex", LEFT_OUT, "--phases=fuzzing", f"--max-examples={EXAMPLES}"),
        *("--checks=not_a_server_error", "--seed", SEED, "--generation-database=none"),
        *("--workers=1", "--no-shrink", "--continue-on-failure", "--request-timeout=30", "--no-color"),
        *("--warnings=off", "--suppress-health-check=all", f"--max-time={LONGEST_SECONDS}"),
    ]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert int(re.search(r"(\d+) generated", ran.stdout)[1]) > EXAMPLES, ran.stdout[-2000:]
    assert platform.stop() == 0
    assert faults(platform.said) == []
