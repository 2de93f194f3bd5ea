"""A past period is tried under other settings from the page: in a process of its own, one at a time, on the record."""

import os
from pathlib import Path

from tests.unit.console.bench import Console, wait_for

FROM_MS = 1_637_272_800_000
STRICTER = {"incident": {"raise_probability": 0.9999}, "vibration": {"min_excess_db": 25.0}}


def begun(console: Console, headers: dict[str, str], **changes: object) -> str:
    body = {"from_ms": FROM_MS, "to_ms": FROM_MS + 60_000, "settings": STRICTER, **changes}
    answer = console.client.post("/api/replay/comparisons", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def children() -> set[int]:
    found = set()
    for task in Path("/proc/self/task").iterdir():
        found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


def test_a_period_is_tried_under_other_settings_one_at_a_time_and_stands_in_the_audit_chain(console: Console) -> None:
    seen = console.sign_in("look1")
    body = {"from_ms": FROM_MS, "to_ms": FROM_MS + 1, "settings": STRICTER}
    assert console.client.post("/api/replay/comparisons", json=body, headers=seen).status_code == 403
    offered = {each["name"]: each for each in console.client.get("/api/replay/settings").json()}
    assert offered["incident.raise_probability"] == {
        "name": "incident.raise_probability",
        "value": 0.9,
        "by_section": True,
    }
    assert "video.frame_s" not in offered and "vibration.masks" in offered
    headers = console.sign_in("watch1")
    for wrong in ({"settings": {}}, {"to_ms": FROM_MS}, {"to_ms": FROM_MS + 7 * 3_600_000}):
        refused = console.client.post("/api/replay/comparisons", json={**body, **wrong}, headers=headers)
        assert refused.status_code == 422, refused.text
    before = children()
    run = begun(console, headers)
    (child,) = children() - before
    assert os.getpriority(os.PRIO_PROCESS, child) == 15
    busy = console.client.post("/api/replay/comparisons", json=body, headers=headers)
    assert busy.status_code == 409 and "under way" in busy.json()["detail"]
    ended = console.client.delete(f"/api/replay/comparisons/{run}", headers=headers)
    assert ended.status_code == 204 and children() == before
    assert console.client.get(f"/api/replay/comparisons/{run}").json()["state"] == "cancelled"
    run = begun(console, headers)
    wait_for(lambda: console.client.get(f"/api/replay/comparisons/{run}").json()["state"] != "running", 60.0)
    told = console.client.get(f"/api/replay/comparisons/{run}").json()
    assert (told["state"], told["progress"], told["why"]) == ("done", 1.0, "")
    found = told["result"]
    assert [each["name"] for each in found["changed"]] == ["incident.raise_probability", "vibration.min_excess_db"]
    assert found["raised_before"] == 1 == len(found["both"]) + len(found["only_before"])
    assert found["raised_after"] == len(found["both"]) + len(found["only_after"])
    assert found["both"][0]["later_s"] == found["later_s"] > 0
    assert sum(found["by_priority_after"]) == found["raised_after"]
    said = [(entry.who, entry.text) for entry in console.users.waiting_audits() if entry.kind == "compare"]
    assert [who for who, _ in said] == ["watch1"] * 3
    assert "incident.raise_probability = 0.9999" in said[0][1] and "ended" in said[1][1]
    assert console.client.get("/api/replay/comparisons/nothing").status_code == 404


def test_what_cannot_be_tried_is_told_in_words(console: Console) -> None:
    headers = console.sign_in("watch1")
    run = begun(console, headers, settings={"vibration": {"min_excess_db": 3.0, "frame_s": 0.1}})
    wait_for(lambda: console.client.get(f"/api/replay/comparisons/{run}").json()["state"] != "running", 60.0)
    told = console.client.get(f"/api/replay/comparisons/{run}").json()
    assert told["state"] == "failed" and told["result"] is None
    assert "samples, which are not in the record" in told["why"] and "15 dB or more" in told["why"]
