"""Which rooms each capability has, and why one is missing. A test holds the folders to this table."""

from dataclasses import dataclass, field

ROOMS = ("events", "commands", "projections", "api", "workflows", "work", "subscribers")
"""events/<c>.py, commands/<c>/, projections/<c>/, cozeloop/api/<c>/, and <c>.py in cozeloop/workflows, cozeloop/work
and cozeloop/subscribers"""

NO_PROCESS = "nothing goes on after the command"
NO_TASKS = "no worker has anything to do"


@dataclass(frozen=True)
class Capability:
    """A word that means the same in every room; ``missing`` gives the reason for each room that is not there."""

    missing: dict[str, str] = field(default_factory=dict)


CAPABILITIES = {
    "users": Capability({"workflows": NO_PROCESS, "work": NO_TASKS}),
    "spaces": Capability(
        {
            "workflows": NO_PROCESS,
            "work": NO_TASKS,
        }
    ),
    "tokens": Capability({"workflows": NO_PROCESS, "work": NO_TASKS}),
    "prompts": Capability({"workflows": NO_PROCESS, "work": NO_TASKS}),
    "datasets": Capability({"workflows": NO_PROCESS, "work": NO_TASKS}),
    "evaluators": Capability({"workflows": NO_PROCESS, "work": "runs belong to experiments"}),
    "experiments": Capability(),
    "tags": Capability({"workflows": NO_PROCESS, "work": NO_TASKS}),
    "files": Capability(
        {
            "events": "what is uploaded is no fact yet: what is made of it is another capability's event",
            "commands": "as events",
            "projections": "a file is found under the digest of its key",
            "workflows": NO_PROCESS,
            "work": NO_TASKS,
        }
    ),
    "traces": Capability(
        {
            "events": "spans lie in a stream of their own, SPANS: they pass no decision",
            "workflows": NO_PROCESS,
            "work": NO_TASKS,
        }
    ),
    "imports": Capability({"commands": "an import is asked of its dataset, by that dataset's commands"}),
    "models": Capability(
        {
            "events": "models are configuration, read at start",
            "commands": "models are configuration, read at start",
            "projections": "models are configuration, read at start",
            "workflows": NO_PROCESS,
            "work": NO_TASKS,
        }
    ),
    "subscriptions": Capability(
        {
            "events": "reads what all others say",
            "commands": "nothing is changed",
            "projections": "reads the log itself",
            "workflows": NO_PROCESS,
            "work": NO_TASKS,
        }
    ),
    "webhooks": Capability({"workflows": "a delivery is no command", "work": NO_TASKS}),
}

FOLLOWED_OUTSIDE = {"webhooks"}
for _name, _capability in CAPABILITIES.items():
    if _name not in FOLLOWED_OUTSIDE:
        _capability.missing.setdefault("subscribers", "no effect outside follows its events")

SHARED = {
    "events": {"event", "log", "reservations"},
    "commands": {"command", "reservations", "semver"},
    "projections": {"projector", "reading", "log"},
    "api": {"wire", "asof"},
    "workflows": {"deadlines", "runtime", "states"},
    "subscribers": {"deliveries", "delivering"},
    "work": {"tracing", "attempts", "judging", "keeping", "outcomes", "plans", "targets", "tasks"},
}
"""What is in a room and belongs to no capability."""
