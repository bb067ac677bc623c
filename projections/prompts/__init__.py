"""The read side of prompts."""

from __future__ import annotations

from projections.projector import ReadModel
from projections.prompts.prompt_commits import PROMPT_COMMITS
from projections.prompts.prompts import PROMPTS

READ_MODELS: tuple[ReadModel, ...] = (PROMPTS, PROMPT_COMMITS)
