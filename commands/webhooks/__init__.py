"""Webhooks: created and deleted by an owner of their space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.command import Command, Decider
from commands.webhooks.decide import decide
from commands.webhooks.messages import CreateWebhook, DeleteWebhook
from commands.webhooks.webhook import UNBORN, evolve, streams

DECIDERS: Mapping[type[Command], Decider[Any, Any]] = {
    CreateWebhook: Decider(UNBORN, streams, evolve, decide, blind=True),
    DeleteWebhook: Decider(UNBORN, streams, evolve, decide),
}
