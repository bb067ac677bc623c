"""R8: a log full of experiments is folded again, twice over, and no model, no sandbox and nobody outside is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cozeloop.bootstrap import Embedded
from cozeloop.settings import Settings
from infra.messaging.lock import DataDirLock
from infra.sandbox.runner import SandboxCodeRunner
from tests.e2e.laboratory import EXACT, Laboratory
from tests.e2e.models import Endpoint, catalogue_of, echo
from tests.e2e.processes import Platform, command, until
from tests.e2e.receiver import Receiver
from tests.e2e.test_webhooks import OPEN, Hooked

EXPERIMENTS, ROWS = 3, 8


async def refolded(settings: Settings) -> tuple[int, dict[str, int]]:
    """The log's end, and where each read model stands, after a start of a platform that has lost all its tables."""
    with DataDirLock(settings.data_dir) as lock:
        embedded = Embedded(settings, lock)
        try:
            await embedded.start()
            end = await embedded.platform.log.end()
            positions = embedded.platform.positions
            return end, {m.name: positions.of(m.name) for m in embedded.platform.read_models}
        finally:
            await embedded.stop()


@pytest.mark.slow
def test_folding_everything_again_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[str] = []
    evaluate = SandboxCodeRunner.evaluate

    async def counted(self: SandboxCodeRunner, *args: Any, **kwargs: Any) -> Any:
        run.append(args[1])
        return await evaluate(self, *args, **kwargs)

    monkeypatch.setattr(SandboxCodeRunner, "evaluate", counted)
    with Endpoint({"echo": echo}) as models, Receiver() as receiver:
        config = tmp_path / "model_config.yaml"
        config.write_text(catalogue_of(models, ["echo"]))
        with Platform(tmp_path / "data", COZELOOP_MODEL_CONFIG=str(config), **OPEN) as platform:
            lab = Hooked(platform.start().ready().url)
            evaluator, prompt = lab.evaluator(EXACT), lab.prompt()
            lab.hook(receiver.url, "ExperimentSubmitted")
            parts = lab.rows([f"row {n}" for n in range(ROWS)])
            shown = [lab.shown(lab.run(Laboratory.asked(lab, parts, [evaluator], prompt))) for _ in range(EXPERIMENTS)]
            until(lambda: len(receiver.accepted) == EXPERIMENTS, "every submission is told", platform)
            calls, end = models.calls["echo"], platform.health()[1]["log_position"]
            assert calls == EXPERIMENTS * ROWS
            assert command("replay", "--all", "--data-dir", platform.data_dir).exit_code == 0
            assert [lab.shown(each["id"]) for each in shown] == shown
            assert (models.calls["echo"], platform.health()[1]["log_position"]) == (calls, end)
            assert platform.stop() == 0
            for file in tmp_path.glob("data/read.db*"):
                file.unlink()
            settings = Settings(data_dir=tmp_path / "data", **{"COZELOOP_MODEL_CONFIG": config})
            last, positions = asyncio.run(refolded(settings))
            assert f"events:{last}" == end
            assert set(positions.values()) == {last}
            assert (models.calls["echo"], run, len(receiver.told)) == (calls, [], EXPERIMENTS)
            platform.start().ready()
            assert [lab.shown(each["id"]) for each in shown] == shown
            assert (models.calls["echo"], platform.health()[1]["log_position"]) == (calls, end)
            assert platform.stop() == 0
        assert len(receiver.told) == EXPERIMENTS
