"""What the documents say is there, is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from linewatch import records
from tests.architecture.sources import CHECKOUT, own_text_files, shown

DOCUMENTS = sorted(path for path in own_text_files() if path.suffix == ".md")
EXPECTED = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "GLOSSARY.md", "SECURITY.md", "RESPONSIBLE_USE.md"),
    *("docs/index.md", "docs/decisions/0000-template.md"),
)


def named_fields() -> list[str]:
    """Each `Record.field` or `Record` that the glossary sets in a table beside a word."""
    rows = [line for line in (CHECKOUT / "GLOSSARY.md").read_text(encoding="utf-8").splitlines() if line[:3] == "| *"]
    return sorted({name for row in rows for name in re.findall(r"`([A-Z]\w+(?:\.\w+)?)`", row)})


def test_the_documents_of_the_house_are_there() -> None:
    assert set(EXPECTED) <= {shown(path) for path in DOCUMENTS}


@pytest.mark.parametrize("name", named_fields())
def test_a_word_of_the_glossary_has_its_field(name: str) -> None:
    record_name, _, field = name.partition(".")
    record = getattr(records, record_name)
    assert not field or field in {each.name for each in msgspec.structs.fields(record)}


@pytest.mark.parametrize(
    "word",
    ["detection", "attempt", "persons", "return", "incident", "track", "outcome", "assessment", "chainage", "Pd"],
)
def test_a_word_that_is_counted_stands_in_the_glossary(word: str) -> None:
    assert f"| **{word}** |" in (CHECKOUT / "GLOSSARY.md").read_text(encoding="utf-8")


def links(document: Path) -> Iterator[str]:
    """Targets inside the project that a document links to."""
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            yield target


@pytest.mark.parametrize("document", DOCUMENTS, ids=shown)
def test_every_link_between_documents_leads_somewhere(document: Path) -> None:
    for target in links(document):
        assert (document.parent / target).exists(), f"{shown(document)} links to {target}, which is not there"


@pytest.mark.parametrize("document", DOCUMENTS, ids=shown)
def test_every_make_target_that_a_document_names_exists(document: Path) -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    for name in re.findall(r"(?:^|`)make ([a-z]+)", document.read_text(encoding="utf-8"), flags=re.MULTILINE):
        assert name in targets, f"{shown(document)} names `make {name}`"


def test_every_decision_is_listed_and_numbered_once() -> None:
    decisions = sorted((CHECKOUT / "docs" / "decisions").glob("*.md"))
    listed = set(links(CHECKOUT / "docs" / "index.md"))
    assert all(f"decisions/{path.name}" in listed for path in decisions)
    numbers = [path.name[:4] for path in decisions]
    assert numbers == [f"{number:04d}" for number in range(len(decisions))]
    for path in decisions:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:4]} - "), shown(path)
        for heading in ("## Context", "## Decision", "## Consequences"):
            assert heading in text, f"{shown(path)} has no part {heading}"
