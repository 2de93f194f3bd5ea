"""What docs/scenes.md shows can be read, and what can be read stands in docs/scenes.md."""

import re
from pathlib import Path
from typing import get_args

from linewatch.simulate import bench_site, read_scene_text, scene_names
from linewatch.simulate.scene import FaultKind, Verb

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "scenes.md").read_text(encoding="utf-8")


def test_the_example_is_a_scene() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    scene = read_scene_text("docs/scenes.md", example, bench_site())
    assert [event.name for event in scene.events] == ["walker", "others", "patrol"]


def test_every_word_of_the_language_and_every_shipped_scene_is_told() -> None:
    for word in (*get_args(Verb), *get_args(FaultKind), *scene_names()):
        assert re.search(rf"`[^`]*\b{word}\b[^`]*`", PAGE), word
