"""The plug-in door: what is installed is found; what is missing, broken or there twice stops with a clear error."""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from linewatch.errors import InputError, PluginError, SiteError
from linewatch.plugins import Card, installed, load
from linewatch.site.model import Line, Site, SourceSpec
from linewatch.sources.build import build_source, source_plugin

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plugin"

SOUND = """
import msgspec
from linewatch.plugins import Card

card = Card(title="made for a test", level="detection", licence="Apache-2.0")

class Settings(msgspec.Struct, frozen=True):
    address: str
    retries: int = 3

settings_type = Settings

def build(site, settings, folder):
    return (site.name, settings, folder)
"""

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Makes a distribution as an installer would: a module, and a dist-info folder that names its entry points."""

    def make(distribution: str, module: str, source: str, **entry_points: str) -> Path:
        folder = tmp_path / distribution
        info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / f"{module}.py").write_text(source)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = [f"{name} = {target}\n" for name, target in entry_points.items()]
        (info / "entry_points.txt").write_text("[linewatch.sources]\n" + "".join(lines))
        monkeypatch.syspath_prepend(folder)
        return folder

    return make


def bench(**settings: Any) -> tuple[Site, SourceSpec]:
    return Site(name="bench", timezone="UTC", lines=(Line(id="main", length_m=100.0),)), SourceSpec(
        plugin="made_up", settings=settings
    )


def test_what_ships_comes_in_by_the_same_door() -> None:
    (found,) = [found for found in installed() if (found.group, found.name) == ("sources", "recording")]
    assert (found.distribution, found.target) == ("linewatch", "linewatch.sources.recording.plugin")
    assert isinstance(source_plugin("recording").card, Card)


def test_what_is_installed_is_found_without_being_imported(install: Install) -> None:
    install("plug-a", "made_up_a", "raise SystemExit('imported')", made_up="made_up_a")
    (found,) = [found for found in installed() if found.name == "made_up"]
    assert (found.group, found.distribution, found.version, found.target) == ("sources", "plug-a", "1.0", "made_up_a")


def test_a_plug_in_is_built_with_its_settings(install: Install) -> None:
    install("plug-a", "made_up_b", SOUND, made_up="made_up_b")
    site, spec = bench(address="10.0.0.7")
    built: Any = build_source(site, spec)
    assert built[0] == "bench"
    assert (built[1].address, built[1].retries) == ("10.0.0.7", 3)
    assert built[2] == Path()


def test_a_missing_plug_in_is_told_with_those_that_are_there() -> None:
    with pytest.raises(
        PluginError, match=r"sources: no plug-in named 'recoding' is installed; installed are: .*recording"
    ):
        load("sources", "recoding")


def test_a_plug_in_whose_import_fails_is_told_with_its_cause(install: Install) -> None:
    install("plug-a", "made_up_c", "import module_that_is_nowhere\n", made_up="made_up_c")
    with pytest.raises(PluginError) as caught:
        load("sources", "made_up")
    assert "plug-in 'made_up' of plug-a 1.0 does not load (made_up_c)" in str(caught.value)
    assert "ModuleNotFoundError: No module named 'module_that_is_nowhere'" in str(caught.value)


def test_a_plug_in_that_names_nothing_in_its_module_is_told(install: Install) -> None:
    install("plug-a", "made_up_d", SOUND, made_up="made_up_d:Absent")
    with pytest.raises(PluginError, match="AttributeError"):
        load("sources", "made_up")


def test_a_plug_in_that_is_there_twice_is_told_with_both_origins(install: Install) -> None:
    install("plug-a", "made_up_e", SOUND, made_up="made_up_e")
    install("plug-b", "made_up_f", SOUND, made_up="made_up_f")
    with pytest.raises(PluginError, match=r"'made_up' is there 2 times, from plug-a 1\.0 and plug-b 1\.0; keep one"):
        load("sources", "made_up")


def test_a_broken_plug_in_that_nobody_asked_for_harms_nobody(install: Install) -> None:
    install("plug-a", "made_up_g", "raise RuntimeError\n", made_up="made_up_g")
    assert source_plugin("recording").settings_type.__name__ == "RecordingSettings"


def test_a_module_that_is_no_source_plug_in_is_told_with_what_it_lacks(install: Install) -> None:
    install("plug-a", "made_up_h", "card = 'a card'\nsettings_type = dict\n", made_up="made_up_h")
    with pytest.raises(PluginError) as caught:
        source_plugin("made_up")
    for part in ("card is a str", "settings_type is a type", "build is missing"):
        assert part in str(caught.value)


def test_every_wrong_setting_is_told_at_once(install: Install) -> None:
    install("plug-a", "made_up_i", SOUND, made_up="made_up_i")
    site, spec = bench(adress="x", retries="many")
    with pytest.raises(SiteError) as caught:
        build_source(site, spec)
    assert isinstance(caught.value, InputError)
    assert [tuple(problem)[1:] for problem in caught.value.problems] == [
        ("source 'made_up' adress", "an unknown key", "address (closest), or one of: address, retries"),
        ("source 'made_up' address", "nothing", "this key is required"),
        ("source 'made_up' retries", '"many"', "Expected `int`, got `str`"),
    ]


CONFORMS = """
import json, sys
from pathlib import Path
from linewatch.site.model import Line, Section, Site, SourceSpec
from linewatch.site.sensor import Sensor
from linewatch.sources.build import build_source
from linewatch.sources.checks import Span, run_checks

line = Line(id="main", length_m=600.0, sections=(Section("S01", "main", 0.0, 600.0),))
gate = Sensor(id="gate-7", kind="contact", line="main", at_m=120.0, range_m=2.0)
site = Site(name="bench", timezone="UTC", lines=(line,), sensors=(gate,), folder=sys.argv[1])
spec = SourceSpec(plugin="contact_csv", settings={"file": "contacts.csv"})
second = 1_000_000_000
start_ns = 1_637_208_000 * second
ran = run_checks(lambda: build_source(site, spec), Span(start_ns, start_ns + 60 * second))
source = build_source(site, spec)
given = [type(record).__name__ for record in source.poll(start_ns + 60 * second)]
import linewatch_contact_csv
print(json.dumps({"ran": ran, "given": given, "from": linewatch_contact_csv.__file__}))
"""


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example distribution, really installed, in a folder of its own so that nobody else finds it."""
    target = tmp_path_factory.mktemp("site-packages")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    command += ["--no-input", "--disable-pip-version-check", "--root-user-action=ignore", "--no-cache-dir"]
    done = subprocess.run(
        [*command, "--target", str(target), str(EXAMPLE)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def run_with(example: Path, *command: str) -> str:
    """What a program prints where the example is installed."""
    env = {**os.environ, "PYTHONPATH": str(example)}
    done = subprocess.run([*command], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_is_shown_with_its_card_where_it_is_installed(example: Path) -> None:
    linewatch = Path(sysconfig.get_path("scripts")) / "linewatch"
    shown = json.loads(run_with(example, str(linewatch), "plugins", "--json"))
    (found,) = [row for row in shown if row["name"] == "contact_csv"]
    assert (found["group"], found["distribution"]) == ("sources", "linewatch-contact-csv")
    assert found["card"]["title"].startswith("Contact switches")
    assert not [found for found in installed() if found.name == "contact_csv"], "it leaked into this environment"


def test_the_example_passes_the_conformance_suite(example: Path, tmp_path: Path) -> None:
    (tmp_path / "contacts.csv").write_text(
        "time,sensor,state\n2021-11-18T04:00:12.5Z,gate-7,open\n2021-11-18T04:00:20Z,gate-8,open\n"
        "2021-11-18T04:00:40Z,gate-7,closed\n2021-11-18T04:00:41Z,gate-7,ajar\nnoon,gate-7,open\n"
        "2021-11-18T04:00:50Z,gate-7,open\n"
    )
    said = json.loads(run_with(example, sys.executable, "-c", CONFORMS, str(tmp_path)))
    assert len(said["ran"]) == 9
    assert said["given"] == ["Detection", "Health", "Health", "Health", "Detection"]
    assert said["from"].startswith(str(example))
