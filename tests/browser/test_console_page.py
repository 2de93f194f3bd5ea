"""The console as people meet it: sign in, deal with what is in the queue by keyboard, be warned when it is blind."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from linewatch.console.server import PAGE
from tests.browser.conftest import Tab, Watch, absent
from tests.unit.console.bench import PASSWORD, WRITTEN_S, Console, watch_playing

AXE = PAGE.parent / "node_modules" / "axe-core" / "axe.min.js"
LEVEL_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def keep_picture(page: Page, name: str) -> None:
    """Pictures for the documentation are made by the tests that need the same view."""
    if folder := os.environ.get("LINEWATCH_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def rows(page: Page):  # noqa: ANN201 - a locator
    return page.get_by_test_id("queue-row")


def waiting_row(page: Page):  # noqa: ANN201 - a locator
    return page.locator("[data-testid=queue-row][data-state=raised], [data-testid=queue-row][data-state=returned]")


def test_a_wrong_password_is_told_and_lets_nobody_in(tab: Tab) -> None:
    tab.sign_in("watch1", "not the password")
    expect(tab.page.get_by_test_id("login-error")).to_be_visible()
    expect(rows(tab.page)).to_have_count(0)
    assert tab.own_complaints() == []


def test_an_incident_is_acknowledged_by_keyboard_alone(tab: Tab, at_work: Console) -> None:
    page = tab.sign_in("watch1", PASSWORD)
    expect(waiting_row(page).first).to_be_visible()
    page.keyboard.press("g")
    expect(page.get_by_test_id("incident-panel")).to_be_visible()
    key = page.get_by_test_id("incident-panel").get_attribute("data-id")
    expect(page.locator("[data-move=acknowledge]")).to_be_visible()
    page.keyboard.press("a")
    expect(page.locator(f"[data-testid=queue-row][data-id='{key}'][data-state=acknowledged]")).to_be_visible()
    assert key is not None
    assert at_work.services.live.picture.open[key].incident.state == "acknowledged"
    keep_picture(page, "console-watch")
    assert tab.own_complaints() == []


def test_the_counter_agrees_with_the_queue(tab: Tab, at_work: Console) -> None:
    page = tab.sign_in("watch1", PASSWORD)
    expect(page.get_by_test_id("counter")).to_contain_text(str(at_work.services.live.picture.counters().raised))
    expect(page.get_by_test_id("count-bar")).to_have_count(0)


def test_two_people_see_each_others_acts_at_once(tab: Tab, second_tab: Tab) -> None:
    one, two = tab.sign_in("watch1", PASSWORD), second_tab.sign_in("watch2", PASSWORD)
    for page in (one, two):
        expect(waiting_row(page).first).to_be_visible()
    one.keyboard.press("g")
    expect(one.locator("[data-move=acknowledge]")).to_be_visible()
    key = one.get_by_test_id("incident-panel").get_attribute("data-id")
    two.locator(f"[data-testid=queue-row][data-id='{key}']").click()
    expect(two.locator("[data-move=acknowledge]")).to_be_visible()
    one.keyboard.press("a")
    expect(two.locator(f"[data-testid=queue-row][data-id='{key}'][data-state=acknowledged]")).to_be_visible()
    expect(two.locator("[data-move=acknowledge]")).to_have_count(0)
    assert tab.own_complaints() == []
    assert second_tab.own_complaints() == []


def test_a_role_that_may_not_act_is_offered_nothing(tab: Tab) -> None:
    page = tab.sign_in("look1", PASSWORD)
    expect(rows(page).first).to_be_visible()
    rows(page).first.click()
    expect(page.get_by_test_id("incident-panel")).to_be_visible()
    expect(page.get_by_test_id("timeline")).to_be_visible()
    expect(page.locator("[data-move]")).to_have_count(0)


def test_a_watch_that_stops_is_told_in_a_way_that_nobody_overlooks(tab: Tab, watch: Watch) -> None:
    page = tab.sign_in("watch1", PASSWORD)
    expect(rows(page).first).to_be_visible()
    expect(page.get_by_test_id("watch-down-bar")).to_have_count(0)
    watch.stop.set()
    expect(page.get_by_test_id("watch-down-bar")).to_be_visible(timeout=30_000)
    expect(rows(page).first).to_be_visible()
    with watch_playing(watch.store, 1.0, WRITTEN_S):
        expect(page.get_by_test_id("watch-down-bar")).to_have_count(0)
        page.keyboard.press("g")
        expect(page.locator("[data-move=acknowledge]")).to_be_visible()
        page.keyboard.press("a")
        expect(page.locator("[data-testid=queue-row][data-state=acknowledged]")).to_be_visible()
    assert tab.own_complaints() == []


def test_a_feed_that_falls_silent_is_told(tab: Tab, at_work: Console) -> None:
    page = tab.sign_in("watch1", PASSWORD)
    expect(rows(page).first).to_be_visible()
    tab.context.set_offline(True)
    page.route("**/api/**", lambda route: route.abort())
    for hub in (at_work.services.live.feed, at_work.services.live.events):
        hub.listeners.clear()
    expect(page.get_by_test_id("stale-bar")).to_be_visible(timeout=30_000)
    page.unroute("**/api/**")
    tab.context.set_offline(False)
    # It tries again later and later.
    expect(page.get_by_test_id("stale-bar")).to_have_count(0, timeout=30_000)


def test_sound_that_is_off_is_told_until_it_is_on(tab: Tab) -> None:
    page = tab.sign_in("watch1", PASSWORD)
    expect(page.get_by_test_id("sound-bar")).to_be_visible()


def test_the_key_map_opens_on_its_key(tab: Tab) -> None:
    page = tab.sign_in("watch1", PASSWORD)
    expect(rows(page).first).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_test_id("key-map")).to_be_visible()


@pytest.mark.parametrize("screen", ["login", "watch", "health", "shift", "reports", "site", "replay"])
def test_every_screen_meets_wcag_at_level_aa(tab: Tab, screen: str) -> None:
    if not AXE.is_file():
        absent(f"axe-core is not there: {AXE} (npm ci, as the package build does)")
    page = tab.page
    page.add_init_script(path=AXE)
    page.reload()
    if screen == "login":
        expect(page.get_by_test_id("login")).to_be_visible()
    else:
        tab.sign_in("lead1", PASSWORD)
        expect(rows(page).first).to_be_visible()
        page.goto(page.url.split("#")[0] + f"#/{screen}")
        if screen != "watch":
            expect(page.get_by_test_id(f"{screen}-page")).to_be_visible()
        page.wait_for_timeout(500)
        keep_picture(page, f"console-{screen}")
    found = page.evaluate(
        "async (tags) => (await axe.run({runOnly: tags})).violations.map(v => [v.id, v.nodes.map(n => n.html)])",
        LEVEL_AA,
    )
    assert found == []
    assert tab.own_complaints() == []
