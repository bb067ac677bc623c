from types import SimpleNamespace

import pytest

from infra.messaging.streams import EVENTS, StreamUnfit, check_events, check_version

SOUND = {**EVENTS, "metadata": {"log_id": "a1"}}


def server(major, minor):
    return SimpleNamespace(connected_server_version=SimpleNamespace(major=major, minor=minor))


@pytest.mark.parametrize("version", [(2, 14), (1, 99)])
def test_a_server_that_is_too_old_is_refused_with_its_version(version):
    with pytest.raises(StreamUnfit, match=r"nats-server {}\.{} is too old".format(*version)):
        check_version(server(*version))


@pytest.mark.parametrize("version", [(2, 15), (2, 16), (3, 0)])
def test_a_newer_server_is_taken(version):
    assert check_version(server(*version)) is None


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("allow_atomic", False),
        ("allow_direct", False),
        ("deny_delete", False),
        ("deny_purge", False),
        ("compression", "s2"),
        ("storage", "memory"),
        ("retention", "interest"),
        ("max_age", 1),
        ("max_msgs", 10),
        ("max_bytes", 10),
        ("max_msgs_per_subject", 1),
        ("subjects", ["events.1.>"]),
        ("allow_msg_ttl", True),
        ("allow_rollup_hdrs", True),
        ("mirror", {"name": "OTHER"}),
    ],
)
def test_a_stream_that_could_lose_or_alter_events_is_refused_by_the_setting(setting, value):
    with pytest.raises(StreamUnfit, match=setting):
        check_events({**SOUND, setting: value})


def test_a_stream_without_a_log_id_is_refused():
    with pytest.raises(StreamUnfit, match="log_id"):
        check_events(EVENTS)


def test_every_unfit_setting_is_named_at_once():
    with pytest.raises(StreamUnfit, match=r"max_age is 5.*deny_purge is False"):
        check_events({**SOUND, "max_age": 5, "deny_purge": False})
