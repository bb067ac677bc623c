import re
from pathlib import Path

from infra.sandbox import port
from infra.sandbox.modules import ALLOWED_MODULES

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "code-evaluators.md"


def test_the_reference_lists_the_modules_and_the_errors():
    _, modules, errors = re.split(r"^## \w+$", PAGE.read_text(), flags=re.MULTILINE)
    assert set(re.findall(r"`([\w.]+)`", modules)) - {"ModuleNotFoundError"} == set(ALLOWED_MODULES)
    codes = {value for value in vars(port).values() if isinstance(value, int)}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", errors, flags=re.MULTILINE)} == codes
