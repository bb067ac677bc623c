"""kill -9 while judges are asked: every item is judged once, and no model is asked for what it has answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.laboratory import DONE, Laboratory
from tests.e2e.models import Endpoint, Gate, catalogue_of, echo
from tests.e2e.processes import Platform, cozeloop, until
from tests.unit.evaluators.judges import judge_content

pytestmark = pytest.mark.kill
ITEMS, BEFORE, AT_ONCE = 12, 5, 3
ECHO, GATE = "1", "2"


def test_after_a_kill_the_judges_that_have_spoken_are_not_asked_again(tmp_path: Path) -> None:
    gate = Gate()
    with Endpoint({"echo": echo, "gate": gate}) as models:
        config = tmp_path / "model_config.yaml"
        config.write_text(catalogue_of(models, ["echo", "gate"]))
        with Platform(tmp_path / "data", COZELOOP_MODEL_CONFIG=str(config)) as platform:
            lab = Laboratory(platform.start().ready().url)
            judges = [lab.judge(judge_content(model_id=model)) for model in (ECHO, GATE)]
            rows = lab.rows([json.dumps({"score": i / 16, "reason": f"row {i}"}) for i in range(ITEMS)])
            experiment = lab.start(lab.asked(rows, judges, item_concur_num=AT_ONCE))
            gate.let(BEFORE)
            until(lambda: scored(lab, experiment, judges[1]) == BEFORE, "the first judgements", platform)
            platform.kill()
            platform.start().ready()
            with gate.ajar():
                list(lab.watch(experiment, every=0.05))
            items = lab.items(experiment)
            assert [i.state for i in items] == [DONE] * ITEMS
            assert [i.scores for i in items] == [[round(n / 16, 2)] * 2 for n in range(ITEMS)]
            assert ITEMS <= models.calls["gate"] <= ITEMS + AT_ONCE
            assert ITEMS <= models.calls["echo"] <= ITEMS + AT_ONCE
            platform.stop()
        verified = cozeloop("verify", "--data-dir", tmp_path / "data")
        assert verified.returncode == 0, verified.stdout + verified.stderr


def scored(lab: Laboratory, experiment: str, version: str) -> int:
    """How many items the judge has scored, as results show it."""
    records = [i.payload["evaluator_output"]["evaluator_records"].get(version) for i in lab.items(experiment)]
    return sum(1 for r in records if r and "evaluator_result" in r["evaluator_output_data"])
