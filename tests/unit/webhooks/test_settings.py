"""The setting that opens private networks."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from cozeloop.bootstrap.webhooks import NetworksWrong, allowed_networks


def test_networks_are_separated_by_semicolons() -> None:
    assert allowed_networks("10.0.0.0/8; fd00::/8;") == [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
    assert allowed_networks("") == []


@pytest.mark.parametrize("text", ["everything", "10.0.0.1/8", "10.0.0.0/33"])
def test_whatever_else_is_refused_with_the_variable_s_name(text: str) -> None:
    with pytest.raises(NetworksWrong, match="COZELOOP_OUTBOUND_ALLOWED_NETWORKS"):
        allowed_networks(text)
