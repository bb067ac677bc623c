"""Documents do not rot: links lead somewhere, and what can be set, called or run is named in them."""

import re
import subprocess
from pathlib import Path

import pytest
import typer.main

from cozeloop.cli import app
from cozeloop.settings import Settings
from docs.generate import environment_name, leaves

ROOT = Path(__file__).parents[3]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
REFERENCE = {"settings.md", "cli.md", "events.md"}


def documents() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        return sorted(p for p in ROOT.rglob("*.md") if not any(part.startswith(".") for part in p.parts[1:]))
    return sorted(ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file())


def anchors(text: str) -> set[str]:
    """The fragments that a page's headings make."""
    found = re.findall(r"^#+ +(.+)$", FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("path", documents(), ids=lambda p: str(p.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(path):
    lost = []
    for target in LINK.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        if not there.exists() or (fragment and fragment not in anchors(there.read_text(encoding="utf-8"))):
            lost.append(target)
    assert not lost


def test_every_document_is_reached_from_the_readme():
    reached, left = set(), [ROOT / "README.md"]
    while left:
        path = left.pop()
        if path in reached or path.suffix != ".md" or not path.is_file():
            continue
        reached.add(path)
        for target in LINK.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
            there = (path.parent / target.partition("#")[0]).resolve()
            left.extend(sorted(there.glob("*.md")) if there.is_dir() else [there])
    assert not {str(p.relative_to(ROOT)) for p in set(documents()) - reached}, "link it from where a reader would look"


def test_every_setting_and_command_is_explained_by_hand_or_by_the_reference():
    text = "\n".join(p.read_text(encoding="utf-8") for p in documents())
    assert not [v for v in map(environment_name, Settings.model_fields) if v not in text]
    assert not [
        c for words, _ in leaves(typer.main.get_command(app), ("cozeloop",)) if (c := " ".join(words)) not in text
    ]


def test_every_command_is_shown_in_use_outside_of_the_generated_reference():
    text = "\n".join(p.read_text(encoding="utf-8") for p in documents() if p.name not in REFERENCE)
    assert not [
        c for words, _ in leaves(typer.main.get_command(app), ("cozeloop",)) if (c := " ".join(words)) not in text
    ]


def test_every_make_target_named_in_a_document_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for path in documents():
        named = set(re.findall(r"`make ([a-z-]+)`", path.read_text(encoding="utf-8")))
        assert named <= targets, path


def test_every_decision_has_its_own_number_and_says_what_was_decided():
    decisions = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert len({p.name[:4] for p in decisions}) == len(decisions)
    for path in decisions:
        text = path.read_text(encoding="utf-8")
        assert re.match(rf"# {path.name[:4]}[.:] ", text), path
        assert re.search(r"^## Decision\n\n\*\*|^\*\*Decision\.\*\* ", text, re.M), f"{path.name}: one sentence in bold"
        assert {"Context", "Consequences", "Alternatives"} <= set(re.findall(r"^## (.+)$", text, re.M)), path


def test_every_test_file_and_folder_that_a_document_names_exists():
    """What is said to hold a promise is there to hold it."""
    tests = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "tests").rglob("*.py"))
    files = {p.name for p in ROOT.rglob("*.py") if ".venv" not in p.parts}
    lost = []
    for path in documents():
        for named in re.findall(r"`([\w./]+)`", FENCE.sub("", path.read_text(encoding="utf-8"))):
            if "tag" in named:  # the capability that CONTRIBUTING makes up
                continue
            if re.fullmatch(r"test_\w+", named):
                there = f"def {named}(" in tests
            elif re.match(r"(cozeloop|commands|events|projections|infra|tests|docs)/", named):
                there = (ROOT / named).exists()
            else:
                there = not named.endswith(".py") or named in files
            lost.extend([] if there else [f"{path.relative_to(ROOT)}: {named}"])
    assert not lost
