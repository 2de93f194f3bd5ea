"""The scope in a browser over a watch that hears a cable: it moves, and what is done beside it is seen at once."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.brokers import until
from tests.browser.conftest import Tab
from tests.browser.test_console_page import AXE, LEVEL_AA, keep_picture
from tests.unit.console.bench import PASSWORD, Console
from tests.unit.console.hearing import console_that_hears


@pytest.fixture
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with console_that_hears(tmp_path_factory.mktemp("hearing") / "store") as console:
        yield console


def test_a_channel_is_looked_at_live_and_its_threshold_corrected_and_set_back(
    browser: Browser, hearing: Console
) -> None:
    with browser.new_context(viewport={"width": 1600, "height": 1000}) as context:
        tab = Tab(context, hearing.address)
        tab.page.add_init_script(path=AXE)
        tab.page.reload()
        page = tab.sign_in("mend1", PASSWORD)
        expect(page.get_by_test_id("counter")).to_be_visible()
        page.goto(page.url.split("#")[0] + "#/health")
        expect(page.get_by_test_id("health-page")).to_be_visible()
        page.get_by_label("Faults only").press("Space")
        page.locator("[data-scope=f1]").click()
        scope = page.get_by_test_id("scope")
        expect(scope).to_have_attribute("data-basis", "frames")
        page.get_by_label("Channel", exact=True).fill("7")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("scope-floor")).to_contain_text(".")
        seen = int(scope.get_attribute("data-frames") or 0)
        # A second of the watch is twenty frames; on a machine that has much else to do they come later.
        until(lambda: int(scope.get_attribute("data-frames") or 0) >= seen + 20, 20.0, "a second of the watch")
        before = float(page.get_by_test_id("scope-threshold").inner_text().removesuffix(" dB"))

        acts = page.get_by_test_id("channel-acts")
        acts.get_by_role("button", name="Correct the threshold").click()
        page.get_by_label("By dB").fill("6")
        scope.get_by_label("Reason", exact=True).fill("lorries on gravel")
        scope.locator("form button").click()
        expect(page.get_by_test_id("scope-correction")).to_have_text("+6 dB")
        expect(page.get_by_test_id("corrections")).to_contain_text("raised by 6 dB")
        expect(page.get_by_test_id("scope-matters")).to_contain_text("lorries on gravel")
        threshold = page.get_by_test_id("scope-threshold")
        until(lambda: float(threshold.inner_text().removesuffix(" dB")) > before + 4.0, 20.0, "the higher threshold")
        keep_picture(page, "console-scope")
        found = page.evaluate(
            "async (tags) => (await axe.run({runOnly: tags})).violations.map(v => [v.id, v.nodes.map(n => n.html)])",
            LEVEL_AA,
        )
        assert found == []

        corrections = page.get_by_test_id("corrections")
        corrections.get_by_role("button", name="Set back").click()
        corrections.get_by_label("Reason").fill("road closed")
        corrections.locator("form button").first.click()
        expect(page.get_by_test_id("corrections")).to_have_count(0)
        expect(page.get_by_test_id("scope-correction")).to_have_text("0 dB")
        assert tab.own_complaints() == []
