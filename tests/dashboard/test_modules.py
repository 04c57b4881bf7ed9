"""The dashboard's files by themselves."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import ocpp_actors.operator

pytestmark = pytest.mark.heavy

DASHBOARD = Path(ocpp_actors.operator.__file__).parent / "dashboard"
MODULES = sorted(DASHBOARD.rglob("*.js"))
UNSAFE = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.style\b|https?://(?!www\.w3\.org)"
)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(DASHBOARD).as_posix())
def test_module_has_no_syntax_error(module: Path) -> None:
    node = shutil.which("node")
    if node is None:
        if "CI" in os.environ:
            pytest.fail("Node.js is missing")
        pytest.skip("Node.js is missing, so modules cannot be checked")
    source = module.read_bytes()
    checked = subprocess.run(
        [node, "--input-type=module", "--check", "-"], input=source, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr.decode()


def test_no_module_makes_markup_of_text_or_needs_the_internet() -> None:
    found = [
        f"{path.name}: {match[0]}"
        for path in DASHBOARD.rglob("*")
        if path.suffix in {".js", ".css", ".html"}
        for match in UNSAFE.finditer(path.read_text())
    ]
    assert found == []


def test_every_import_leads_to_a_module_and_every_module_is_imported() -> None:
    imported = {DASHBOARD / "js" / "main.js"}
    for module in MODULES:
        for target in re.findall(
            r"""^(?:import|export|}).* from "(.+)";$""", module.read_text(), re.MULTILINE
        ):
            path = (module.parent / target).resolve()
            assert path.is_file(), f"{module.name} imports {target}"
            imported.add(path)
    assert imported == {path.resolve() for path in MODULES}
