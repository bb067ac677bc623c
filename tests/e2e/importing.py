"""Somebody who imports files, for tests that look at what becomes of them."""

from __future__ import annotations

import json
import secrets
import threading
from typing import Any

from tests.e2e.test_datasets import SETS
from tests.e2e.test_files import User as Uploader

JOBS = "/api/data/v1/dataset_io_jobs"
PENDING, RUNNING, COMPLETED, FAILED, CANCELLED = 1, 2, 3, 4, 5
JSONL, CSV = 1, 3


class Importer(Uploader):
    """Uploads, imports, and waits."""

    def create(self, *names: str, **fields: Any) -> str:
        """A new set's id."""
        schema = {"field_schemas": [{"name": n, "content_type": "Text", **fields} for n in names]}
        body = {"workspace_id": self.space, "name": f"set {secrets.token_hex(6)}", "evaluation_set_schema": schema}
        return str(self.call("POST", SETS, body)["evaluation_set_id"])

    def upload(self, content: bytes, key: str) -> str:
        """The key, under which the file lies now."""
        assert self.http.put(self.address(key), content=content).json()["code"] == 0
        return key

    def asked(self, set_id: str, path: str, *fields: str, overwrite: bool = False, **file: Any) -> dict[str, Any]:
        """What the import of a file is answered; columns fill the fields of their name."""
        body = {
            "workspace_id": self.space,
            "file": {"provider": 5, "path": path, **file},
            "field_mappings": [{"source": f, "target": f} for f in fields or ("question",)],
            "option": {"overwrite_dataset": overwrite},
        }
        answer: dict[str, Any] = self.http.post(f"/api/data/v1/datasets/{set_id}/import", json=body).json()
        return answer

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as it stands."""
        return dict(self.call("GET", f"{JOBS}/{job_id}", workspace_id=self.space)["job"])

    def over(self, job_id: str) -> dict[str, Any]:
        """The job when it has ended; the test's own time limit bounds the wait."""
        pause = threading.Event()
        while (job := self.job(job_id))["status"] in (PENDING, RUNNING):
            pause.wait(0.02)
        return job

    def imported(self, set_id: str, content: bytes, key: str, *fields: str, **how: Any) -> dict[str, Any]:
        """The job that imported a file's content."""
        answer = self.asked(set_id, self.upload(content, key), *fields, **how)
        assert answer["code"] == 0, answer
        return self.over(answer["job_id"])

    def texts(self, set_id: str, version_id: str | None = None) -> list[str]:
        """The first cell of every row, in the order in which they were added."""
        found: list[str] = []
        token = None
        while True:
            body: dict[str, Any] = {"workspace_id": self.space, "page_size": 200, "version_id": version_id}
            body["order_bys"] = [{"field": "created_at", "is_asc": True}]
            page = self.call("POST", f"{SETS}/{set_id}/items/list", body | ({"page_token": token} if token else {}))
            found += [i["turns"][0]["field_data_list"][0]["content"]["text"] for i in page["items"]]
            if not (token := page.get("next_page_token")):
                assert int(page["total"]) == len(found)
                return found

    def cancel(self, job_id: str) -> int:
        """The code of a cancellation."""
        headers = {"authorization": f"Bearer {self.token}"}
        answer = self.http.post(f"/v1/platform/dataset_io_jobs/{job_id}/cancel", json={}, headers=headers)
        return int(answer.json()["code"])


def json_lines(texts: list[str], field: str = "question") -> bytes:
    """A file of JSON lines."""
    return "".join(json.dumps({field: text}, ensure_ascii=False) + "\n" for text in texts).encode()
