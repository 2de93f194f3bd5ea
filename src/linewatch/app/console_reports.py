"""Reports for the console, made from its store."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from linewatch.app.reporting import facts_of
from linewatch.report.report import report_of, to_json
from linewatch.site.model import Site


class StoredReports:
    """Satisfies `console_ports.Reports`."""

    def __init__(self, store: Path, site: Site) -> None:
        self._store = store
        self._site = site

    def report(self, by: Sequence[str], from_ns: int | None, to_ns: int | None, as_of_ns: int | None) -> dict[str, Any]:
        """A report as plain values. Raises `InputError` on what cannot be asked, `StoreError` without a store."""
        facts = facts_of(self._store, site=self._site, as_of_ns=as_of_ns, from_ns=from_ns, to_ns=to_ns)
        told: dict[str, Any] = json.loads(to_json(report_of(facts, by)))
        return told
