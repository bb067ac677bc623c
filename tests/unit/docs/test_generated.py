from cozeloop.settings import Settings
from docs.generate import environment_name, kind, main, outdated, pages
from events import EVENTS
from events.event import Sealed, Unrecognised


def text_of(name: str) -> str:
    return next(text for path, text in pages() if path.name == name)


def test_the_generated_pages_are_what_the_code_gives():
    assert outdated() == [], "run `python -m docs.generate`"
    assert main(["--check"]) == 0


def test_every_setting_stands_in_the_table_with_its_variable():
    table = text_of("settings.md")
    for name in Settings.model_fields:
        assert f"| `{environment_name(name)}` |" in table


def test_every_event_has_its_heading_and_its_fields():
    page = text_of("events.md")
    for name, cls in EVENTS.items():
        if cls is not Unrecognised:
            assert f"\n### {name}\n" in page
            assert all(f"| `{field}` |" in page for field in cls.model_fields)


def test_a_type_is_told_in_words():
    told = {kind(Sealed[str]), kind(tuple[int, ...]), kind(str | None), kind(dict[str, int])}
    assert told == {"text", "list of integer", "text or null", "object"}
