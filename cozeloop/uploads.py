"""How uploaded files are called: by the key that their uploader gave, by an address of theirs, by the import they feed.

A file lies under a keyed digest of its key: no key ever enters a path.
"""

from __future__ import annotations

from cozeloop.platform import Keys

PATH = "/v1/platform/files"
DOWNLOAD_SECONDS = 24 * 3600
"""How long after an import was asked for its file may be fetched by the address that it is shown with."""


async def name_of(keys: Keys, space_id: str, key: str) -> str:
    """The name under which a space's file of this key lies."""
    return await keys.digest(space_id, f"file:{key}")


async def name_at(keys: Keys, space_id: str, path: str) -> str:
    """The name under which the file of a path lies: of the key that it is, or of a file's address in this space."""
    own = f"{PATH}/{space_id}/"
    name = path.partition("?")[0].removeprefix(own)
    if path.startswith(own) and name.isascii() and name.isalnum():
        return name
    return await name_of(keys, space_id, path)


def pinned(job_id: str) -> str:
    """Where the file of an import lies while it lasts: what is uploaded under its key meanwhile changes nothing."""
    return f"import-{job_id}"
