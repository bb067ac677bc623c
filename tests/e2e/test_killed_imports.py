"""kill -9 in the middle of an import: the next start goes on, and every row is there once, in its order."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from tests.e2e.importing import COMPLETED, Importer, json_lines
from tests.e2e.processes import Platform, cozeloop

ROWS = 40_000
KILLS = 5


@pytest.mark.kill
@pytest.mark.timeout(600)
def test_an_import_goes_on_after_every_kill_without_a_doubled_or_lost_row(tmp_path: Path) -> None:
    chance = random.Random(20)
    pause = threading.Event()
    texts = [f"row {n} " + "x" * 150 for n in range(ROWS)]
    with Platform(tmp_path / "data", COZELOOP_DATASET_MAX_ITEMS="1000000") as platform:
        user = Importer(platform.start().ready().url)
        set_id = user.create("question")
        user.imported(set_id, json_lines(["before"]), "before.jsonl")
        job_id = user.asked(set_id, user.upload(json_lines(texts), "rows.jsonl"), overwrite=True)["job_id"]
        stood = 0
        for _ in range(KILLS):
            pause.wait(chance.random())
            stood = int(user.job(job_id)["progress"]["added"])
            platform.kill()
            platform.start().ready()
            assert int(user.job(job_id)["progress"]["added"]) >= stood
        job = user.over(job_id)
        assert (job["status"], job["errors"]) == (COMPLETED, [])
        assert job["progress"] == {"total": str(ROWS), "processed": str(ROWS), "added": str(ROWS)}
        assert user.texts(set_id) == texts
        platform.stop()
        verified = cozeloop("verify", "--data-dir", platform.data_dir)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert not list((platform.data_dir / "objects").rglob("import-*"))
