"""The platform on servers: read models and vault in a database, limits in Redis, objects in S3, as in compose.yaml."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.databases import fresh_database
from tests.e2e.importing import COMPLETED, Importer, json_lines
from tests.e2e.laboratory import ECHO, Laboratory
from tests.e2e.models import Endpoint, catalogue_of, echo
from tests.e2e.processes import Platform, cozeloop
from tests.e2e.test_doctor import told
from tests.redis_server import address
from tests.s3_server import WEED, S3Server, s3_server

pytestmark = pytest.mark.slow
WORDS = [f"word {n}" for n in range(40)]
LONG = "so long that it lies in the bucket " * 3_000


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    if not WEED.exists():
        pytest.skip("SeaweedFS has no wheel for this platform")
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(params=["postgresql", "mysql"])
async def environment(request: pytest.FixtureRequest, s3: S3Server, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    async with stores(request.param, s3, tmp_path) as found:
        yield found


@pytest.fixture
async def others(request: pytest.FixtureRequest, s3: S3Server, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """Of the other kind, for a restored platform."""
    kind = {"postgresql": "mysql", "mysql": "postgresql"}[request.node.callspec.params["environment"]]
    async with stores(kind, s3, tmp_path) as found:
        yield found


@asynccontextmanager
async def stores(kind: str, s3: S3Server, folder: Path) -> AsyncIterator[dict[str, str]]:
    """Empty databases and an empty bucket."""
    async with fresh_database(kind, folder) as read, fresh_database(kind, folder) as vault:
        yield {
            "COZELOOP_DATABASE_URL": read,
            "COZELOOP_VAULT_URL": vault,
            "COZELOOP_CACHE_URL": address(),
            "COZELOOP_OBJECTS_URL": s3.url(),
        }


@pytest.fixture
def model_config(tmp_path: Path) -> Iterator[Path]:
    with Endpoint({"echo": echo}) as endpoint:
        file = tmp_path / "model_config.yaml"
        file.write_text(catalogue_of(endpoint, ["echo"]))
        yield file


def test_everything_is_there_after_a_kill_and_after_a_replay(
    tmp_path: Path, environment: dict[str, str], model_config: Path
) -> None:
    environment |= {"COZELOOP_MODEL_CONFIG": str(model_config)}
    with Platform(tmp_path / "data", **environment) as platform:
        platform.start().ready()
        lab, importer = Laboratory(platform.url), Importer(platform.url)
        imported = importer.create("question")
        assert importer.imported(imported, json_lines(WORDS), "rows.jsonl")["status"] == COMPLETED
        version = str(
            importer.call(
                "POST",
                f"/api/evaluation/v1/evaluation_sets/{imported}/versions",
                {"workspace_id": importer.space, "version": "1.0.0"},
            )["id"]
        )
        experiment = lab.run(lab.asked(lab.rows(WORDS[:8]), [lab.evaluator()], lab.prompt(ECHO)))
        before = lab.items(experiment)
        assert [item.scores for item in before] == [[1.0]] * 8

        platform.kill()
        platform.start().ready()
        assert lab.items(experiment) == before
        assert importer.texts(imported, version) == WORDS
        status, found = told(platform, **environment)
        assert status == 0
        assert not [what for what, line in found.items() if line["state"] == "failed"]

        replayed = cozeloop("replay", "--all", "--data-dir", platform.data_dir, **environment)
        assert replayed.returncode == 0, replayed.stderr
        assert lab.items(experiment) == before
        assert importer.texts(imported, version) == WORDS
        assert cozeloop("verify", "--data-dir", platform.data_dir, **environment).returncode == 0
        assert platform.stop() == 0


def test_a_backup_of_one_kind_of_servers_is_restored_to_another(
    tmp_path: Path, environment: dict[str, str], others: dict[str, str]
) -> None:
    with Platform(tmp_path / "data", **environment) as platform:
        platform.start().ready()
        importer = Importer(platform.url)
        imported = importer.create("question")
        assert importer.imported(imported, json_lines([*WORDS, LONG]), "rows.jsonl")["status"] == COMPLETED
        made = cozeloop("backup", tmp_path / "b.zip", "--data-dir", platform.data_dir, **environment)
        assert made.returncode == 0, made.stderr
        restoring = ("restore", tmp_path / "b.zip", "--data-dir", tmp_path / "other", "--keys", platform.data_dir)
        restored = cozeloop(*restoring, **others)
        assert restored.returncode == 0, restored.stderr
        again = cozeloop(*restoring, "--replace", **others)
        assert again.returncode == 1 and "name an empty database" in again.stderr
        before = importer.texts(imported)
        assert sorted(before) == sorted([*WORDS, LONG])

        with Platform(tmp_path / "other", **others) as beside:
            beside.start().ready()
            importer.http = httpx.Client(base_url=beside.url, timeout=60)
            login = {"email": importer.email, "password": importer.password}
            importer.call("POST", "/api/foundation/v1/users/login_by_password", login)
            assert importer.texts(imported) == before
            assert cozeloop("verify", "--data-dir", beside.data_dir, **others).returncode == 0
            assert beside.stop() == 0
        assert platform.stop() == 0
