"""A store that the first version wrote is read, proven, reported, copied and gone on with by every later one."""

import shutil
import sqlite3
import zipfile
from pathlib import Path

import pytest

import linewatch as package
from linewatch.app.reporting import facts_of
from linewatch.errors import StoreError
from linewatch.report.table import tabulate
from linewatch.store import Signer, open_store, verify
from linewatch.store.archive.columns import whereabouts
from linewatch.store.archive.reading import OpenedStore
from linewatch.store.copying import backup
from linewatch.store.head import read_anchor
from linewatch.store.migrate import migrate
from linewatch.store.reopening import reopen_journal
from linewatch.store.schema import DATABASE, DDL, SCHEMA_VERSION
from tests.sites import fence_site
from tests.system.bench import linewatch
from tests.unit.store.writing import opened, write_tick

CODE = "56-9-O55H-VRTX-VMHY-ESCB"
"""Short code of the head at which the first version left it."""
SITE = fence_site()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with zipfile.ZipFile(Path(__file__).parent / "store-1.zip") as packed:
        packed.extractall(tmp_path)
    return tmp_path / "store"


def test_it_is_the_store_that_the_first_version_left(store: Path) -> None:
    verdict = verify(store, read_anchor(CODE))
    assert (verdict.status, verdict.records, verdict.files) == ("ok", 57, 1)


def test_it_is_read_and_reported(store: Path) -> None:
    with open_store(store) as reader:
        assert [each.id for each in reader.incidents()] == ["incident-0", "incident-4"]
        assert reader.segments() == []
    with OpenedStore(store, whereabouts(SITE)) as opened_store:
        assert opened_store.detections.aggregate("count(*)").fetchall() == [(36,)]
    total = tabulate(facts_of(store, site=SITE), ["section"], None).total
    assert (total.detections, total.attempts) == (36, 2)
    with pytest.raises(StoreError, match="found no description of its site; allowed: --site"):
        facts_of(store)
    with package.open(store) as tables:
        assert tables.incidents.aggregate("count(*)").fetchall() == [(2,)]


def test_it_is_gone_on_with(store: Path) -> None:
    with opened(store, signer=Signer(bytes(32))) as journal:
        write_tick(journal, 100)
    assert verify(store, read_anchor(CODE)).status == "ok"
    with reopen_journal(store) as journal:
        journal.audit("look", 1, "looked")
    backup(store, store.with_name("copy"))
    assert verify(store.with_name("copy"), read_anchor(CODE)).status == "ok"


def test_of_this_schema_there_is_nothing_to_do(store: Path) -> None:
    assert migrate(store) == (SCHEMA_VERSION, SCHEMA_VERSION, "")
    assert "nothing to do" in linewatch("migrate", store).stdout


INDEX = "CREATE INDEX outbox_incident ON outbox (incident, seq)"


def next_schema(monkeypatch: pytest.MonkeyPatch) -> int:
    """As if this were a version with one more schema."""
    target = SCHEMA_VERSION + 1
    for module in ("schema", "scan_tables"):
        monkeypatch.setattr(f"linewatch.store.{module}.SCHEMA_VERSION", target)
    monkeypatch.setattr("linewatch.store.scan_tables.DDL", (*DDL, INDEX))
    monkeypatch.setattr("linewatch.store.schema.DDL", (*DDL, INDEX))
    return target


def test_an_older_schema_is_read_refused_to_write_and_migrated_with_its_chains(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = next_schema(monkeypatch)
    open_store(store).close()
    with pytest.raises(StoreError, match=f"found schema {SCHEMA_VERSION}; allowed: {target} to write"):
        opened(store)
    assert migrate(store, {SCHEMA_VERSION: (INDEX,)}, target).kept == f"{DATABASE}.schema-{SCHEMA_VERSION}"
    assert verify(store, read_anchor(CODE)).status == "ok"
    with opened(store, signer=Signer(bytes(32))) as journal:
        write_tick(journal, 100)
    assert verify(store, read_anchor(CODE)).status == "ok"


@pytest.mark.parametrize("wrong", ["CREATE INDEX other ON outbox (incident)", "DELETE FROM record_payload", "NO SQL"])
def test_a_migration_that_goes_wrong_leaves_the_store_as_it_was(
    store: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    target = next_schema(monkeypatch)
    before = dump(store)
    with pytest.raises((StoreError, sqlite3.Error)):
        migrate(store, {SCHEMA_VERSION: (INDEX, wrong)}, target)
    assert dump(store) == before
    monkeypatch.undo()
    assert verify(store, read_anchor(CODE)).status == "ok"


def dump(store: Path) -> list[str]:
    connection = sqlite3.connect(store / DATABASE)
    try:
        return [*connection.iterdump(), str(connection.execute("PRAGMA user_version").fetchone())]
    finally:
        connection.close()


def test_no_way_leads_on_from_an_unknown_schema_nor_while_somebody_writes(
    store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="allowed: one from which a way leads on"):
        migrate(store, {}, SCHEMA_VERSION + 2)
    with opened(store, signer=Signer(bytes(32))), pytest.raises(StoreError, match="is writing this store"):
        migrate(store, {SCHEMA_VERSION: (INDEX,)}, next_schema(monkeypatch))
    shutil.rmtree(store)
    with pytest.raises(StoreError, match="found no such file"):
        migrate(store)
