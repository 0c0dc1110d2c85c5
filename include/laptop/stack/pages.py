"""Walk through Airflow's pages as a stranger would, and say what they show. Runs in the browser's environment."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

CEILING_MS = 60_000
SETTLE_MS = 2_000
WIDE = {"width": 1600, "height": 1000}
# The graph is a strip: a lower window shows it larger.
STRIP = {"width": 1600, "height": 420}
# A browser that asks for nothing but the pages: no updates, no sync, no first run.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Walk:
    """One visit: the page, Airflow's address, where pictures go, and those taken."""

    page: Page
    url: str
    images: Path | None
    pictures: list[str] = field(default_factory=list)

    def open(self, path: str, until: str) -> None:
        """Open a page and wait until it shows ``until``."""
        self.page.goto(self.url + path)
        self.page.get_by_text(until).first.wait_for()
        self.page.wait_for_timeout(SETTLE_MS)

    def picture(self, name: str, of: Locator | None = None) -> None:
        """Take a picture of the window, or of one element, where pictures are wanted."""
        if self.images is not None:
            target = self.images / f"{name}.png"
            (of or self.page).screenshot(path=target)
            self.pictures.append(str(target))

    def open_groups(self) -> None:
        """Open all task groups; Airflow remembers open ones from page to page, then its button is disabled."""
        button = self.page.get_by_test_id("expand-all-button")
        button.wait_for()
        self.page.wait_for_timeout(SETTLE_MS)
        if button.is_enabled():
            button.click()
        self.page.wait_for_timeout(2 * SETTLE_MS)

    def text(self) -> str:
        return str(self.page.inner_text("body"))

    def last_run(self, dag_id: str) -> str:
        """The page of the DAG's latest run, reached from the DAG's own page; its text."""
        self.open(f"/dags/{dag_id}", "Latest Run")
        self.page.get_by_test_id("grid-view-button").click()
        self.open_groups()
        self.picture("grid")
        self.page.locator(f"a[href^='/dags/{dag_id}/runs/']", has=self.page.get_by_test_id("state-badge")).first.click()
        self.page.wait_for_url("**/runs/**")
        self.page.get_by_text("Task Instances").first.wait_for()
        self.page.wait_for_timeout(SETTLE_MS)
        return self.text()

    def last_words(self) -> str:
        """The log of the task that announces what the run on the present page did; the page's text."""
        self.page.goto(f"{self.page.url.rstrip('/')}/tasks/publish.announce")
        self.page.get_by_text("Rendered Templates").first.wait_for()
        self.page.wait_for_timeout(2 * SETTLE_MS)
        return self.text()

    def graph(self, dag_id: str) -> str:
        """The DAG's graph with its groups opened; its text."""
        self.open(f"/dags/{dag_id}", "Latest Run")
        self.page.get_by_label("Show Graph").first.click()
        self.open_groups()
        self.page.get_by_label("Collapse Details Panel").click()
        self.page.set_viewport_size(STRIP)
        self.page.wait_for_timeout(SETTLE_MS)
        self.page.get_by_label("Fit View").click()
        # In a low window the small map lies on the graph.
        self.page.add_style_tag(content=".react-flow__minimap { display: none }")
        self.page.wait_for_timeout(SETTLE_MS)
        self.picture("graph", of=self.page.get_by_test_id("rf__wrapper"))
        text = self.text()
        self.page.set_viewport_size(WIDE)
        self.page.get_by_label("Show Details Panel").click()
        return text

    def freshness(self, asset: str) -> str:
        """The page of the table's asset with its newest event; its text."""
        self.open("/assets", asset)
        self.page.get_by_role("link", name=asset).first.click()
        self.page.get_by_title("Click to expand").first.click()
        self.page.wait_for_timeout(2 * SETTLE_MS)
        self.picture("asset")
        return self.text()

    def trigger_form(self, dag_id: str) -> str:
        """The form that runs a range again, as the Trigger button opens it; its text."""
        self.open(f"/dags/{dag_id}", "Latest Run")
        self.page.get_by_test_id("trigger-dag-button").click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_text("Run Parameters").wait_for()
        self.page.wait_for_timeout(SETTLE_MS)
        self.picture("trigger")
        return str(dialog.inner_text())


@contextmanager
def browser_page(browser: str) -> Iterator[Page]:
    """A page in a browser with a new, empty profile."""
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=browser, args=list(FLAGS), viewport=WIDE
        )
        page = context.pages[0] if context.pages else context.new_page()
        page.set_default_timeout(CEILING_MS)
        try:
            yield page
        finally:
            context.close()


def main() -> None:
    """Print what was found as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("pipeline")
    parser.add_argument("--browser", required=True)
    parser.add_argument("--images", type=Path)
    options = parser.parse_args()
    hourly = f"{options.pipeline}_hourly"
    with browser_page(options.browser) as page:
        walk = Walk(page, options.url, options.images)
        found = {
            "last_run": walk.last_run(hourly),
            "last_words": walk.last_words(),
            "graph": walk.graph(hourly),
            "freshness": walk.freshness(f"{options.pipeline}_analytics."),
            "trigger_form": walk.trigger_form(hourly),
            "pictures": walk.pictures,
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
