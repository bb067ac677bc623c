"""Evaluation sets on a running platform, over HTTP alone."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cozeloop.demo.tour import Tour, cell

SETS = "/api/evaluation/v1/evaluation_sets"


class User(Tour):
    """A browser that is signed in."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.register()

    def create(self, name: str, fields: list[dict[str, Any]] | None = None) -> str:
        schema = {"field_schemas": fields or [{"name": "question", "content_type": "Text"}]}
        body = {"workspace_id": self.space, "name": name, "evaluation_set_schema": schema}
        return f"{SETS}/{self.call('POST', SETS, body)['evaluation_set_id']}"

    def add(self, path: str, items: list[dict[str, Any]], **flags: Any) -> dict[str, Any]:
        body = {"workspace_id": self.space, "items": items, **flags}
        return self.call("POST", f"{path}/items/batch_create", body)

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        return self.call("POST", path, {"workspace_id": self.space, **body})

    def code(self, method: str, path: str, **body: Any) -> int:
        return int(self.http.request(method, path, json={"workspace_id": self.space, **body}).json()["code"])

    def texts(self, path: str, version_id: str | None = None) -> list[str]:
        found, token = [], None
        order = [{"field": "created_at", "is_asc": True}]
        while True:
            more = {"page_token": token} if token else {}
            page = self.post(f"{path}/items/list", version_id=version_id, page_size=200, order_bys=order, **more)
            found += [i["turns"][0]["field_data_list"][0]["content"]["text"] for i in page["items"]]
            if not (token := page.get("next_page_token")):
                assert int(page["total"]) == len(found)
                return found


def item(text: str, key: str = "") -> dict[str, Any]:
    return {"turns": [{"field_data_list": [cell("question", text)]}], **({"item_key": key} if key else {})}


@pytest.fixture(scope="module")
def user(platform_url: str) -> User:
    return User(platform_url)


def test_a_set_is_filled_versioned_changed_and_the_version_reads_the_same(user: User) -> None:
    path = user.create("Versioned")
    for first in range(0, 250, 100):
        user.add(path, [item(f"q{n}") for n in range(first, min(first + 100, 250))])
    before = user.texts(path)
    assert before == [f"q{n}" for n in range(250)]
    version_id = user.post(f"{path}/versions", version="1.0.0", desc="first")["id"]
    newest = user.post(f"{path}/items/list", page_size=2)["items"]
    changed = [{"field_data_list": [cell("question", "changed")]}]
    user.call("PUT", f"{path}/items/{newest[0]['item_id']}", {"workspace_id": user.space, "turns": changed})
    user.post(f"{path}/items/batch_delete", item_ids=[newest[1]["item_id"]])
    assert user.texts(path) == [*before[:248], "changed"]
    user.post(f"{path}/items/clear")
    assert user.texts(path) == []
    assert user.texts(path, version_id) == before
    shown = user.call("GET", f"{path}/versions/{version_id}", workspace_id=user.space)["version"]
    assert (shown["item_count"], shown["version"]) == ("250", "1.0.0")


def test_rows_with_large_cells_come_back_whole(user: User) -> None:
    path = user.create("Large")
    texts = [str(n) * 150_000 for n in range(8)]
    user.add(path, [item(text) for text in texts])
    assert user.texts(path) == texts
    too_large = user.add(path, [item("x" * 210_000)], skip_invalid_items=True)
    assert [group["type"] for group in too_large["errors"]] == [3]


def test_of_many_who_send_the_same_key_one_adds_the_row(user: User) -> None:
    path = user.create("Raced")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: user.add(path, [item(f"t{n}", "k")]), range(8)))
    outputs = [answer["item_outputs"][0] for answer in answers]
    assert len({output["item_id"] for output in outputs}) == 1
    assert sum(output["is_new_item"] for output in outputs) == 1
    assert len(user.texts(path)) == 1


def test_of_many_who_fill_the_last_room_no_one_goes_beyond_it(user: User) -> None:
    path = user.create("Full")
    for _ in range(49):
        user.add(path, [item(str(n)) for n in range(100)])
    bodies = [[item(str(n)) for n in range(60)]] * 4
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda items: user.add(path, items, allow_partial_add=True), bodies))
    assert sum(len(answer["added_items"]) for answer in answers) == 100
    assert user.code("POST", f"{path}/items/batch_create", items=[item("one more")]) == 601104501
    assert len(user.texts(path)) == 5000


def test_of_many_who_take_the_same_name_one_has_it(user: User) -> None:
    schema = {"field_schemas": [{"name": "question", "content_type": "Text"}]}
    with ThreadPoolExecutor(6) as pool:
        codes = list(
            pool.map(lambda _: user.code("POST", SETS, name="Contended", evaluation_set_schema=schema), range(6))
        )
    assert sorted(codes) == [0] + [601104504] * 5


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([], 602000202),
        ([item("x")] * 101, 602000202),
        ("x", 602000201),
        ([5], 602000201),
        ([{"turns": "x"}], 602000201),
        ([item("x", "k" * 256)], 601100201),
        ([item("nul \0 in text")], 602000202),
        ([{"turns": [{"field_data_list": [{"key": "a.b*>", "content": {"text": "x"}}]}]}], 0),
    ],
)
def test_bad_items_are_refused_with_a_code_and_nothing_is_written(user: User, items: Any, code: int) -> None:
    path = user.create(f"Bad {secrets.token_hex(4)}")
    assert user.code("POST", f"{path}/items/batch_create", items=items) == code
    assert user.texts(path) == []


@pytest.mark.parametrize("set_id", ["0", "-1", "9223372036854775807", "5"])
def test_an_unknown_set_is_missing(user: User, set_id: str) -> None:
    assert user.code("POST", f"{SETS}/{set_id}/items/list") == 601203004
    assert user.code("PUT", f"{SETS}/{set_id}/schema", fields=[{"name": "a"}]) == 601203004


def test_a_key_in_the_path_that_is_no_id_cannot_be_read(user: User) -> None:
    for odd in ("x", "*", "a.b", "1%20or%201", "%3E", "99999999999999999999"):
        assert user.code("POST", f"{SETS}/{odd}/items/list") == 602000201
