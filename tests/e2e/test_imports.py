"""Files become rows of evaluation sets on a running platform, over HTTP alone."""

from __future__ import annotations

import secrets
from typing import Any

import httpx
import pytest

from tests.e2e.importing import CANCELLED, COMPLETED, CSV, FAILED, JSONL, Importer, json_lines
from tests.e2e.test_datasets import SETS

INVALID, NO_FILE, NO_DATASET = 601100202, 601104001, 601103001


@pytest.fixture(scope="module")
def user(platform_url: str) -> Importer:
    return Importer(platform_url)


@pytest.fixture(scope="module")
def other(platform_url: str) -> Importer:
    return Importer(platform_url)


def test_a_file_of_json_lines_becomes_rows_in_its_order(user: Importer) -> None:
    set_id, texts = user.create("question"), [f"q{n} é😀" for n in range(1234)]
    job = user.imported(set_id, json_lines(texts), "rows.jsonl", format=JSONL)
    assert (job["status"], job["errors"]) == (COMPLETED, [])
    assert job["progress"] == {"total": "1234", "processed": "1234", "added": "1234"}
    assert int(job["created_at"]) <= int(job["started_at"]) <= int(job["ended_at"])
    assert user.texts(set_id) == texts
    listed = user.call("POST", f"/api/data/v1/datasets/{set_id}/io_jobs", {"workspace_id": user.space})["jobs"]
    assert [j["id"] for j in listed] == [job["id"]]
    none = {"workspace_id": user.space, "statuses": [FAILED]}
    assert user.call("POST", f"/api/data/v1/datasets/{set_id}/io_jobs", none)["jobs"] == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030"])
def test_csv_in_other_encodings_becomes_rows(user: Importer, encoding: str) -> None:
    set_id = user.create("问题", "答案")
    content = '问题,答案,其他\n"你好,\n世界",甲,x\n再见,乙,y\n'.encode(encoding)
    job = user.imported(set_id, content, f"{encoding}.csv", "问题", "答案", format=CSV)
    assert (job["status"], job["errors"]) == (COMPLETED, [])
    assert user.texts(set_id) == ["你好,\n世界", "再见"]


def test_rows_that_are_wrong_are_named_with_their_line_and_the_others_are_added(user: Importer) -> None:
    set_id = user.create("question", "answer", isRequired=True)
    rows = b'question,answer\nfirst,1\nragged\n\xff\xfe,2\n"over\ntwo lines",3\nwithout,\nlast,5\n'
    job = user.imported(set_id, rows, "wrong.csv", "question", "answer")
    assert (job["status"], job["progress"]["added"]) == (COMPLETED, "3")
    found = {g["type"]: [(d["index"], d["message"][:7]) for d in g["details"]] for g in job["errors"]}
    assert found == {5: [(1, "line 3:"), (2, "line 4:")], 7: [(4, "field '")]}
    assert user.texts(set_id) == ["first", "over\ntwo lines", "last"]


def test_rows_that_do_not_follow_the_schema_are_refused(user: Importer) -> None:
    set_id = user.create("question", text_schema='{"type": "integer"}')
    job = user.imported(set_id, b'{"question": 1}\n{"question": "many"}\n{"question": [1]}\n{}\n', "s.jsonl")
    assert {g["type"]: g["error_count"] for g in job["errors"]} == {1: 2, 2: 1}
    assert user.texts(set_id) == ["1"]


def test_a_full_set_ends_the_import_without_failing_it(user: Importer) -> None:
    set_id = user.create("question")
    job = user.imported(set_id, json_lines([str(n) for n in range(5300)]), "many.jsonl")
    assert (job["status"], job["progress"]) == (
        COMPLETED,
        {"total": "5300", "processed": "5300", "added": "5000"},
    )
    [group] = job["errors"]
    assert (group["type"], group["error_count"]) == (4, 300)
    assert (group["details"][0]["start_index"], group["details"][0]["end_index"]) == (5000, 5299)
    assert len(user.texts(set_id)) == 5000


def test_overwriting_ends_the_draft_and_no_version(user: Importer) -> None:
    set_id = user.create("question")
    user.imported(set_id, json_lines(["old"]), "old.jsonl")
    version = {"workspace_id": user.space, "version": "1.0.0"}
    version_id = user.call("POST", f"{SETS}/{set_id}/versions", version)["id"]
    user.imported(set_id, json_lines(["new"]), "new.jsonl", overwrite=True)
    assert user.texts(set_id) == ["new"]
    job = user.imported(set_id, b"no,such\nheader,x\n", "bad.csv", overwrite=True)
    assert (job["status"], user.texts(set_id)) == (FAILED, ["new"])
    user.imported(set_id, json_lines(["more"]), "more.jsonl")
    assert user.texts(set_id) == ["new", "more"]
    assert user.texts(set_id, version_id) == ["old"]


@pytest.mark.parametrize(
    ("content", "key", "says"),
    [
        (b"", "empty.csv", "empty"),
        (b"a,b\n1,2\n", "other.csv", "'question'"),
        ("question\nx\n".encode("utf-32"), "wide.csv", "UTF-32"),
    ],
)
def test_a_file_that_cannot_be_read_fails_and_says_why(user: Importer, content: bytes, key: str, says: str) -> None:
    job = user.imported(user.create("question"), content, key)
    assert job["status"] == FAILED
    [group] = job["errors"]
    assert (group["type"], says in group["details"][0]["message"]) == (5, True)


def test_an_import_reads_the_file_as_it_was_when_it_was_asked_for(user: Importer) -> None:
    set_id, key = user.create("question"), f"{secrets.token_hex(4)}.jsonl"
    texts = [f"q{n}" for n in range(3000)]
    answer = user.asked(set_id, user.upload(json_lines(texts), key))
    user.upload(b"replaced", key)
    assert user.over(answer["job_id"])["status"] == COMPLETED
    assert user.texts(set_id) == texts


def test_an_uploaded_form_and_a_signed_address_can_be_imported_too(user: Importer) -> None:
    set_id = user.create("question")
    form = user.form(json_lines(["by form"]), "form.jsonl").json()["data"]["file_name"]
    assert user.over(user.asked(set_id, form)["job_id"])["status"] == COMPLETED
    address = user.address("direct.jsonl")
    user.http.put(address, content=json_lines(["by address"]))
    by_address = user.asked(set_id, address.partition("?")[0], format=JSONL)
    assert by_address["code"] == INVALID, "an address has no ending that would say what it is"
    assert user.texts(set_id) == ["by form"]


def test_the_file_of_a_job_can_be_fetched_as_an_attachment(user: Importer, platform_url: str) -> None:
    content = b'{"question": "<script>alert(1)</script>"}\n' * 3000
    job = user.imported(user.create("question"), content, "ünïcode/evil page.html.jsonl")
    address = job["source"]["file"]["download_url"]
    answer = httpx.get(f"{platform_url}{address}")
    assert (answer.status_code, answer.content == content) == (200, True)
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''evil%20page.html.jsonl"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert httpx.put(f"{platform_url}{address}", content=b"x").status_code == 403
    assert httpx.get(f"{platform_url}{address}0").status_code == 403


def test_a_cancelled_import_stays_cancelled_and_keeps_what_it_added(user: Importer) -> None:
    set_id = user.create("question")
    files = [user.upload(json_lines(["x" * 900] * 1500), f"slow{n}.jsonl") for n in range(3)]
    answers = [user.asked(set_id, file)["job_id"] for file in files]
    assert [user.cancel(job_id) for job_id in reversed(answers)] == [0, 0, 0]
    jobs = [user.over(job_id) for job_id in answers]
    added = sum(int(job["progress"]["added"]) for job in jobs)
    assert CANCELLED in {job["status"] for job in jobs}
    assert len(user.texts(set_id)) == added
    assert [user.cancel(job_id) for job_id in answers] == [0, 0, 0]
    assert [user.job(job_id)["status"] for job_id in answers] == [job["status"] for job in jobs]


def test_deleting_the_set_ends_its_imports(user: Importer) -> None:
    set_id = user.create("question")
    jobs = [user.asked(set_id, user.upload(json_lines(["x"] * 3000), f"gone{n}.jsonl"))["job_id"] for n in range(4)]
    user.call("DELETE", f"{SETS}/{set_id}", {"workspace_id": user.space})
    assert {user.over(job_id)["status"] for job_id in jobs} <= {FAILED, COMPLETED}
    assert user.asked(set_id, "gone0.jsonl")["code"] == NO_DATASET


@pytest.mark.parametrize(
    ("file", "fields", "code"),
    [
        ({"path": "never-uploaded.jsonl"}, ("question",), NO_FILE),
        ({"path": "../../etc/passwd.csv"}, ("question",), NO_FILE),
        ({"provider": 1}, ("question",), INVALID),
        ({"format": 4}, ("question",), INVALID),
        ({"format": 2}, ("question",), INVALID),
        ({"format": 3}, ("question",), INVALID),
        ({"path": "there"}, ("question",), INVALID),
        ({"path": None}, ("question",), INVALID),
        ({"path": "x" * 2000 + ".csv"}, ("question",), INVALID),
        ({"path": "there.xlsx"}, ("question",), INVALID),
        ({"compress_format": 100}, ("question",), INVALID),
        ({}, ("unknown",), INVALID),
        ({}, ("question", "question"), INVALID),
    ],
)
def test_what_cannot_be_imported_is_refused_at_once(
    user: Importer, file: dict[str, Any], fields: tuple[str, ...], code: int
) -> None:
    set_id = user.create("question")
    path = user.upload(b"{}", "there.jsonl")
    answer = user.asked(set_id, file.get("path", path), *fields, **{k: v for k, v in file.items() if k != "path"})
    assert answer["code"] == code, answer


def test_nobody_imports_a_file_of_another_or_sees_their_job(user: Importer, other: Importer) -> None:
    job = user.imported(user.create("question"), json_lines(["secret"]), "mine.jsonl")
    address = job["source"]["file"]["download_url"].partition("?")[0]
    mine = other.create("question")
    for path in ("mine.jsonl", f"{user.space}/mine.jsonl", f"{address}/x.jsonl", f"{address}?.jsonl"):
        assert other.asked(mine, path)["code"] == NO_FILE, path
    for space in (user.space, other.space, "1"):
        answer = other.http.get(f"/api/data/v1/dataset_io_jobs/{job['id']}", params={"workspace_id": space}).json()
        assert answer["code"] == NO_DATASET
    assert other.cancel(job["id"]) == NO_DATASET
    assert other.asked(job["dataset_id"], "mine.jsonl")["code"] == NO_DATASET
    assert user.job(job["id"]) == job


def test_sdks_import_by_token(user: Importer) -> None:
    set_id, headers = user.create("question"), {"authorization": f"Bearer {user.token}"}
    body = {
        "workspace_id": user.space,
        "file": {"provider": 5, "path": user.upload(json_lines(["by token"]), "sdk.jsonl")},
        "field_mappings": [{"source": "question", "target": "question"}],
    }
    base = "/v1/loop/evaluation/evaluation_sets"
    job_id = user.http.post(f"{base}/{set_id}/import", json=body, headers=headers).json()["data"]["job_id"]
    user.over(job_id)
    params = {"workspace_id": user.space}
    job = user.http.get(f"{base}/io_job/{job_id}", params=params, headers=headers).json()["data"]["job"]
    assert (job["status"], user.texts(set_id)) == (COMPLETED, ["by token"])
    assert user.http.get(f"{base}/io_job/1", params=params, headers=headers).json()["code"] == NO_DATASET


def test_the_same_request_sent_again_is_the_same_job(user: Importer) -> None:
    set_id = user.create("question")
    path = user.upload(json_lines(["once"]), "once.jsonl")
    user.http.headers["Idempotency-Key"] = secrets.token_hex(8)
    first = user.asked(set_id, path)
    second = user.asked(set_id, path)
    del user.http.headers["Idempotency-Key"]
    assert first == second
    assert user.over(first["job_id"])["status"] == COMPLETED
    assert user.texts(set_id) == ["once"]
