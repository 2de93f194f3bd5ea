"""The newcomer's walk of the README, followed word for word."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def commands(heading: str) -> list[str]:
    """The commands in the shell blocks below a heading of the README, comments left out."""
    part = README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", part, flags=re.DOTALL)).splitlines()
    return [line.split("#")[0].strip() for line in lines if line.strip()]


def follow(command: str, folder: Path) -> str:
    """Run one command as it stands, with this Python and with files under `folder` instead of `/tmp`."""
    words = shlex.split(command.replace("/tmp/", f"{folder}/"))  # noqa: S108 - the README's own words
    program = {".venv/bin/linewatch": [sys.executable, "-m", "linewatch"], ".venv/bin/python": [sys.executable]}
    done = subprocess.run(
        [*program[words[0]], *words[1:]], capture_output=True, text=True, cwd=CHECKOUT, check=False, timeout=110
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_walk_leads_where_it_says(tmp_path: Path) -> None:
    _, check, make, replay, replay_json, verify = commands("A first walk")
    assert "Fence trial" in follow(check, tmp_path)
    assert "recording.toml" in follow(make, tmp_path)
    out = follow(replay, tmp_path)
    assert "barrier contact" in out
    assert "1 incident" in out
    assert re.search(r'"from_m":2(39|40|41)\.0,"to_m":2(59|60|61)\.0', follow(replay_json, tmp_path))
    assert follow(verify, tmp_path).startswith("unanchored since")


@pytest.mark.parametrize("command", commands("The 125-mile line"))
def test_the_125_mile_line_is_there(command: str, tmp_path: Path) -> None:
    if "demo" in command:
        command = command.replace("quiet-night", "walker-and-wind --speed 0")
    said = {"coverage": "201.168 km", "demo": "Nothing here was real", "simulate": "truth.jsonl"}
    assert said[shlex.split(command)[1]] in follow(command, tmp_path)


def test_the_demonstration_shows_incidents_as_they_rise(tmp_path: Path) -> None:
    out = follow(f"{commands('A first walk')[0]} --speed 0", tmp_path)
    assert "walker-and-wind on bench" in out
    assert "barrier contact" in out
    assert "Nothing here was real" in out
