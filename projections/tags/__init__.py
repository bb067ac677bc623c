"""The read side of tags."""

from __future__ import annotations

from projections.projector import ReadModel
from projections.tags.tag_versions import TAG_VERSIONS
from projections.tags.tags import TAGS

READ_MODELS: tuple[ReadModel, ...] = (TAGS, TAG_VERSIONS)
