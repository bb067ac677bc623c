"""O6: what an operator is told of a platform and of everything that it depends on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from projections import READ_MODELS
from tests.e2e.processes import Platform, cozeloop, free_port

CONFIG = """models:
- id: 1
  name: "near"
  frame: "eino"
  protocol: "openai"
  protocol_config: {{base_url: "http://127.0.0.1:{near}/v1", api_key: "canary-key", model: "m"}}
- id: 2
  name: "nowhere"
  frame: "eino"
  protocol: "openai"
  protocol_config: {{base_url: "http://127.0.0.1:{nowhere}/v1", api_key: "canary-key", model: "m"}}
"""


def told(platform: Platform, **environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit status and findings by what they are of."""
    done = cozeloop("doctor", "--json", "--data-dir", platform.data_dir, **environment)
    assert "Traceback" not in done.stderr and "canary" not in done.stdout
    return done.returncode, {line["what"]: line for line in map(json.loads, done.stdout.splitlines())}


@pytest.mark.slow
def test_every_dependency_is_named_with_its_state_running_and_alone(tmp_path: Path) -> None:
    with Platform(tmp_path / "data") as platform:
        platform.start().ready()
        config = tmp_path / "model_config.yaml"
        config.write_text(CONFIG.format(near=platform.port, nowhere=free_port()))
        status, found = told(platform)
        assert (status, found["models"]["state"], found["redis"]["state"]) == (0, "off", "off")
        assert not [line for line in found.values() if line["state"] == "failed"]
        assert found["nats-server"]["facts"]["version"].startswith("2.15")
        assert {s["name"] for s in found["nats-server"]["facts"]["streams"]} >= {"EVENTS", "DRAFTS"}
        for model in READ_MODELS:
            facts = found[f"read model {model.name}"]["facts"]
            assert (facts["lag"], facts["parked"], facts["stopped"]) == (0, [], "")
        assert found["disk"]["facts"]["free"] > 0 and found["read database"]["facts"]["dialect"] == "sqlite"
        shown = cozeloop("doctor", "--data-dir", platform.data_dir)
        assert shown.returncode == 0 and shown.stdout.startswith("ok       platform")
        near = {
            "COZELOOP_MODEL_CONFIG": str(config),
            "COZELOOP_CACHE_URL": f"redis://:canary@127.0.0.1:{free_port()}/0",
        }
        assert platform.stop() == 0

        status, found = told(platform, **near)
        assert status == 1
        assert found["model nowhere"]["state"] == "failed" and "cannot be reached" in found["model nowhere"]["said"]
        assert found["redis"]["state"] == "failed" and "does not answer" in found["redis"]["said"]
        assert found["clickhouse"]["state"] == "ok" and found["clickhouse"]["facts"]["behind"] == 0
        assert found["event log"]["state"] == found["vault"]["state"] == found["objects"]["state"] == "ok"
        assert not [p for p in (platform.data_dir / "objects").rglob("*") if p.is_file()], "the probe is gone"


def test_a_directory_on_which_nothing_ran_is_told_in_a_sentence(tmp_path: Path) -> None:
    done = cozeloop("doctor", "--data-dir", tmp_path / "nothing")
    assert done.returncode == 1 and "there is no data directory" in done.stderr
