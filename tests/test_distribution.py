"""What is installed: our four top-level names are ours alone, and the wheel holds all that the program reads."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = {"daemon", "web", "actors", "forum"}
UV_PLACES = (str(ROOT / ".venv-tools/bin"), str(Path(sys.executable).parent), os.environ["PATH"])
PROGRAM = """
import forum, sys
from daemon.schema import schema_text
from forum.records import catalog
catalog()
sys.stderr.write(forum.__file__)
sys.stdout.write(schema_text())
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    out = tmp_path_factory.mktemp("wheel")
    uv = shutil.which("uv", path=os.pathsep.join(UV_PLACES))
    assert uv, "uv is not installed; `make setup` does it"
    subprocess.run([uv, "build", "--wheel", "--quiet", "--out-dir", out], cwd=ROOT, check=True)
    return next(out.glob("atbb-*.whl"))


def test_names_are_ours() -> None:
    """As an application we stand at the top level; nothing that is installed beside us may stand there too."""
    for distribution in importlib.metadata.distributions():
        if distribution.name != "atbb":
            tops = {Path(str(file)).parts[0].removesuffix(".py") for file in distribution.files or ()}
            assert not NAMES & tops, distribution.name


def test_wheel_holds_the_program(wheel: Path) -> None:
    """Every file of the four packages that git knows, and nothing of tests or demonstrations."""
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    listed = subprocess.run(["git", "ls-files", *NAMES], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert set(listed.split()) <= held
    assert {"forum/schema.sql", "forum/lexicons/space/atbb/post.json"} <= held
    assert {name.partition("/")[0] for name in held if ".dist-info/" not in name} == NAMES


def test_wheel_works_alone(wheel: Path, tmp_path: Path) -> None:
    """Outside a checkout the program finds its schema and its lexicons."""
    alone = tmp_path / "alone"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(alone)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={"PYTHONPATH": str(alone)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr.startswith(str(alone))
    assert done.stdout == (ROOT / "schema.sql").read_text()
