"""Every page on a notifier or a door holds a site that works by copy and paste."""

import re
from pathlib import Path

import pytest

from linewatch.app.check import check
from linewatch.notify.build import build_notifiers
from linewatch.plugins import installed, load
from linewatch.sources.build import build_source
from tests.architecture.sources import CHECKOUT

DOCS = CHECKOUT / "docs"
PAGES = sorted(
    page
    for page in (*DOCS.glob("notify-*.md"), DOCS / "source-sapient.md", DOCS / "source-asterix.md")
    if "[[" in page.read_text(encoding="utf-8")
)
SECRETS = {
    "LINEWATCH_WEBHOOK": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
    "DUTY_MAIL": "json://127.0.0.1/mail",
    "DUTY_CHAT": "json://127.0.0.1/chat",
    "RESCUE_DESK": "json://127.0.0.1/desk",
    "COUNTY_RESCUE": "json://127.0.0.1/county",
}


def block(text: str, language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)
    assert found is not None, f"no block of {language}"
    return found[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_site_on_a_page_is_built(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    (tmp_path / "site.toml").write_text(block(text, "toml"), encoding="utf-8")
    (tmp_path / "line.geojson").write_text(block(text, "json"), encoding="utf-8")
    checked = check(str(tmp_path))
    assert checked.site is not None, str(checked)
    assert build_notifiers(checked.site, SECRETS) or [build_source(checked.site, s) for s in checked.site.sources]


@pytest.mark.parametrize("name", sorted(found.name for found in installed() if found.group == "notifiers"))
def test_every_notifier_has_a_card_with_a_page_that_is_there(name: str) -> None:
    card = load("notifiers", name).card
    assert card.title and (CHECKOUT / card.docs).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_key_of_a_plug_in_stands_on_its_page(page: Path) -> None:
    group, _, name = page.stem.partition("-")
    plugin = load("notifiers" if group == "notify" else "sources", name)
    shared = (DOCS / "notify.md").read_text(encoding="utf-8") if group == "notify" else ""
    text = page.read_text(encoding="utf-8") + shared
    assert [key for key in plugin.settings_type.__struct_fields__ if f"`{key}`" not in text] == []
