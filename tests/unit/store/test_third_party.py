"""What `docs/journal.md` says is enough for others to verify a store without Linewatch."""

import ast
import json
import random
import shutil
from pathlib import Path

import pytest

from linewatch.store import Erasure, Signer, open_store
from tests.unit.store import third_party
from tests.unit.store.tampering import KINDS_OF_EDIT, edit
from tests.unit.store.writing import opened, rows_of, write_store

PAGE = Path(__file__).parents[3] / "docs" / "journal.md"
STANDARD = {"base64", "collections.abc", "hashlib", "pathlib", "sqlite3", "struct", "typing", "zlib"}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with everything in it, some of it erased."""
    folder = write_store(tmp_path_factory.mktemp("kept") / "store", 20, signer=Signer(bytes(32)))
    with opened(folder, signer=Signer(bytes(32))) as journal:
        acts = [entry.seq for entry in journal.entries(kinds=("act",))]
        journal.erase(Erasure("record", tuple((seq, seq) for seq in acts), "reason", (), "request"))
        patrols = [entry.seq for entry in journal.entries(kinds=("arrival",))]
        journal.erase(Erasure("record", ((patrols[0], patrols[0]),), "", ("clips/000000000000.bin",), "7 days"))
    return folder


def test_the_third_party_uses_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(third_party.__file__).read_text(encoding="utf-8"))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= STANDARD


def test_a_third_party_verifies_a_store_from_the_page_alone(kept: Path) -> None:
    with open_store(kept) as store:
        head = json.loads(store.heads().to_json())
        incidents = len(store.incidents())
    found = third_party.verify(kept, head)
    assert found["records"] == rows_of(kept, "SELECT count(*) FROM record_entry")[0][0]
    assert found["audits"] == head["audit_seq"] + 1
    assert (found["incidents"], found["files"]) == (incidents, 3)


def complains(folder: Path) -> bool:
    """Whether the third party finds anything wrong, in whatever way it says so."""
    try:
        third_party.verify(folder)
    except Exception:  # noqa: BLE001 - it was written to be read, and complains in many ways
        return True
    return False


@pytest.mark.parametrize("kind", sorted(KINDS_OF_EDIT))
def test_a_third_party_finds_edits_from_the_page_alone(kept: Path, tmp_path: Path, kind: str) -> None:
    chance = random.Random(kind)
    for number in range(12):
        copy = shutil.copytree(kept, tmp_path / str(number))
        what = edit(copy, kind, chance)
        if " meta" in f" {what}":
            continue  # the page tells how; the third party was not interested
        assert complains(copy), what


def test_a_third_party_finds_a_head_that_is_not_of_this_store(kept: Path) -> None:
    with open_store(kept) as store:
        head = json.loads(store.heads().to_json())
    with pytest.raises(AssertionError, match="head code"):
        third_party.verify(kept, head | {"code": "1-1-AAAA-AAAA-AAAA-AAAA"})
    with pytest.raises(AssertionError, match="head audit"):
        third_party.verify(kept, head | {"audit_hash": "00" * 32})


def test_the_page_names_every_tag_that_is_hashed() -> None:
    page = PAGE.read_text(encoding="utf-8")
    folder = Path(__file__).parents[3] / "src" / "linewatch" / "store"
    source = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
    tags = {node.value for node in ast.walk(ast.parse(source)) if _is_tag(node)}  # type: ignore[attr-defined]
    assert len(tags) >= 11
    told = {tag for tag in tags if tag.decode().replace("\x00", "\\0") in page}
    assert tags - told == {b"linewatch/replay-salt/1\x00"}  # makes a key, and hashes nothing that is kept


def _is_tag(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, bytes) and node.value.startswith(b"linewatch/")
