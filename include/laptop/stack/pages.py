"""Walk through Airflow's pages as a stranger would, and say what they show. Runs in the browser's environment."""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, Locator, Page, sync_playwright

CEILING_MS = 60_000
SETTLE_MS = 2_000
SHOWN_CHARS = 2_000
WIDE = {"width": 1600, "height": 1000}
# The graph is a strip: a low and wide window shows it large enough to be read.
STRIP = {"width": 2400, "height": 500}
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
KINDS = ("bootstrap", "hourly", "on_change", "reconcile")
GROUPS = ("capture", "merge", "verify", "publish")
# Tasks that started something in AWS, as their pages are addressed; a mapped task has a page for each of its parts.
LINKED = (
    "capture.export/mapped/0",
    "capture.crawl_main",
    "merge.glue_job",
    "verify.row_key_unique",
    "publish.snapshot",
    "publish.announce",
)
# Tasks whose templates say what they worked on.
TEMPLATED = ("capture.export/mapped/0", "merge.glue_job", "verify.row_key_unique")
# How a run ends that had something to do, and one that had nothing.
LAST_WORDS = re.compile("is complete through|Nothing was due")

# A rendered field is shown as numbered lines, coloured word by word.
READ_FIELDS = """rows => rows.map(row => {
  const lines = row.querySelector("pre").cloneNode(true);
  lines.querySelectorAll(".linenumber").forEach(number => number.remove());
  return [row.cells[0].innerText, lines.textContent];
})"""


@dataclass
class Walk:
    """One visit: the page, Airflow's address, where pictures go, and those taken."""

    page: Page
    url: str
    images: Path | None
    pictures: list[str] = field(default_factory=list)

    def through(self, pipeline: str) -> dict[str, Any]:
        """What all pages of a pipeline show, by name."""
        hourly = f"{pipeline}_hourly"
        found: dict[str, Any] = {
            "docs": {kind: self.docs(f"{pipeline}_{kind}") for kind in KINDS},
            "last_run": self.last_run(hourly),
            "last_words": self.last_words(),
            "started": self.started(f"{pipeline}_bootstrap"),
            "graph": self.graph(hourly),
            "tooltips": self.tooltips(),
            "freshness": self.freshness(f"{pipeline}_analytics."),
            "asset_graph": self.asset_graph(),
            "reconcile_form": self.trigger_form(f"{pipeline}_reconcile"),
            "trigger_form": self.trigger_form(hourly),
        }
        self.picture("trigger")
        return {**found, "pictures": self.pictures}

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

    def docs(self, dag_id: str) -> str:
        """What the DAG's documentation says, as its button opens it."""
        self.page.goto(f"{self.url}/dags/{dag_id}")
        self.page.get_by_label("Dag Docs").first.click()
        dialog = self.page.get_by_role("dialog")
        dialog.wait_for()
        self.page.wait_for_timeout(SETTLE_MS)
        return str(dialog.inner_text())

    def last_run(self, dag_id: str) -> str:
        """The page of the DAG's latest run, reached from the grid of its tasks; its text."""
        self.open(f"/dags/{dag_id}", "Latest Run")
        self.page.get_by_test_id("grid-view-button").click()
        self.open_groups()
        self.picture("grid")
        self.open_last_run(dag_id)
        return self.text()

    def open_last_run(self, dag_id: str) -> str:
        """Follow the link to the latest run on the DAG's page, which is open; the run's address."""
        self.page.locator(f"a[href^='/dags/{dag_id}/runs/']", has=self.page.get_by_test_id("state-badge")).first.click()
        self.page.wait_for_url("**/runs/**")
        self.page.get_by_text("Run Type").first.wait_for()
        self.page.wait_for_timeout(SETTLE_MS)
        return self.run_url()

    def run_url(self) -> str:
        """The address of the run's page, which is open, without what Airflow appends for its own use."""
        return str(self.page.url).partition("?")[0].rstrip("/")

    def started(self, dag_id: str) -> dict[str, dict[str, dict[str, str]]]:
        """Of the DAG's latest run: the links of its tasks by task and label, and their rendered templates by task and field."""
        self.open(f"/dags/{dag_id}", "Latest Run")
        run = self.open_last_run(dag_id)
        return {
            "links": {task: self.links(f"{run}/tasks/{task}") for task in LINKED},
            "templates": {task: self.templates(f"{run}/tasks/{task}") for task in TEMPLATED},
        }

    def links(self, task_url: str) -> dict[str, str]:
        """The buttons under a task's details, and where they lead."""
        self.page.goto(f"{task_url}/details")
        heading = self.page.get_by_role("heading", name="Extra Links")
        heading.wait_for()
        buttons = heading.locator("xpath=..").get_by_role("link")
        return dict(buttons.evaluate_all("found => found.map(one => [one.innerText, one.href])"))

    def templates(self, task_url: str) -> dict[str, str]:
        """The fields of a task as they were rendered for its run."""
        self.page.goto(f"{task_url}/rendered_templates")
        rows = self.page.locator("tr:has(pre)")
        rows.first.wait_for()
        return dict(rows.evaluate_all(READ_FIELDS))

    def last_words(self) -> str:
        """The log of the task that announces what the run on the present page did; the page's text."""
        self.page.goto(f"{self.run_url()}/tasks/publish.announce")
        self.page.get_by_text(LAST_WORDS).first.wait_for()  # its lines come after the page
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
        # In a low window these lie on the graph.
        self.page.add_style_tag(content=".react-flow__panel { display: none }")
        self.page.wait_for_timeout(SETTLE_MS)
        self.picture("graph", of=self.page.get_by_test_id("rf__wrapper"))
        return self.text()

    def tooltips(self) -> dict[str, str]:
        """What the groups of the graph, which is open, say when the mouse is over them."""
        told = {}
        for group in GROUPS:
            self.page.get_by_test_id(f"rf__node-{group}").get_by_text(group, exact=True).hover()
            tooltip = self.page.get_by_role("tooltip").first
            tooltip.wait_for()
            told[group] = str(tooltip.inner_text())
            self.page.mouse.move(0, 0)
            tooltip.wait_for(state="hidden")
        self.page.set_viewport_size(WIDE)
        self.page.get_by_label("Show Details Panel").click()
        return told

    def freshness(self, asset: str) -> str:
        """The page of the table's asset with its newest event; its text."""
        self.open("/assets", asset)
        self.page.get_by_role("link", name=asset).first.click()
        self.page.get_by_title("Click to expand").first.click()
        self.page.wait_for_timeout(2 * SETTLE_MS)
        self.picture("asset")
        return self.text()

    def asset_graph(self) -> list[list[str]]:
        """The lines of the graph on the asset page, which is open: what leads to what, by name."""
        nodes = self.page.locator("[data-testid^='rf__node-']")
        names = dict(nodes.evaluate_all("found => found.map(one => [one.dataset.id, one.innerText.trim()])"))
        lines = self.page.locator("[data-testid^='rf__edge-']")
        ends = lines.evaluate_all("found => found.map(one => one.getAttribute('aria-label'))")
        return [[names[end] for end in line.removeprefix("Edge from ").split(" to ")] for line in ends]

    def trigger_form(self, dag_id: str) -> str:
        """The form that the Trigger button opens; its text."""
        self.open(f"/dags/{dag_id}", "Latest Run")
        self.page.get_by_test_id("trigger-dag-button").click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_text("Run Parameters").wait_for()
        self.page.wait_for_timeout(SETTLE_MS)
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
    with browser_page(options.browser) as page:
        walk = Walk(page, options.url, options.images)
        try:
            found = walk.through(options.pipeline)
        except Error as error:
            raise RuntimeError(f"{error}\nat {page.url}, which shows:\n{walk.text()[-SHOWN_CHARS:]}") from None
    print(json.dumps(found))


if __name__ == "__main__":
    main()
