"""Tags over HTTP, as the console uses them."""

from __future__ import annotations

from cozeloop.demo.tour import Tour

TAGS = "/api/data/v1/tags"


def test_a_tag_is_made_changed_hidden_found_and_keeps_its_history(platform_url: str) -> None:
    ada = Tour(platform_url)
    ada.register()
    space = {"workspace_id": ada.space}
    values = [{"tag_value_name": "yes"}, {"tag_value_name": "no"}]
    body = {**space, "tag_key_name": "helpful", "tag_content_type": "boolean", "tag_values": values}
    tag_key_id = ada.call("POST", TAGS, body)["tag_key_id"]
    [found] = ada.call("POST", f"{TAGS}/search", {**space, "page_number": 1, "page_size": 20})["tagInfos"]
    assert [v["tag_value_name"] for v in found["tag_values"]] == ["yes", "no"]

    ada.call("PATCH", f"{TAGS}/{tag_key_id}", {**space, "tag_key_name": "useful", "version": "1.0.0"})
    told = ada.call(
        "POST", f"{TAGS}/batch_update_status", {**space, "tag_key_ids": [tag_key_id], "to_status": "inactive"}
    )
    assert told["err_info"] == {}
    [found] = ada.call("POST", f"{TAGS}/search", {**space, "tag_key_name": "useful"})["tagInfos"]
    assert (found["status"], found["version"], found["version_num"]) == ("inactive", "1.0.0", 3)
    history = ada.call("POST", f"{TAGS}/{tag_key_id}/detail", {**space, "page_size": 20})["tags"]
    assert [(t["version_num"], t["status"]) for t in history] == [(3, "inactive"), (2, "deprecated"), (1, "deprecated")]
    assert history[1]["change_logs"][0]["after_value"] == "useful"
