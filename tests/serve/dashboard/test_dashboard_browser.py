"""A real browser goes through the dashboard: by key and keyboard, at three widths, light and dark, and complains of nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import chromium
import parts
import pytest
from chromium import Browser, Tab
from filled import HOSTILE
from test_dashboard_pages import PATHS

from rung.registry.home import Home
from rung.serve.dashboard.data import Controls

pytest.importorskip("websockets", reason="the package websockets is not installed: pip install websockets")
pytestmark = pytest.mark.skipif(chromium.program() is None, reason="no browser is installed: apt-get install chromium")

WIDTHS = (360, 768, 1280)
# Every page at every width, in both colours; else a sample.
ALL = bool(os.environ.get("RUNG_ALL_PAGES"))
RENEW = (
    "fetch(location.href, {headers: {'X-Rung-Renews': '1'}}).then((one) => one.text())"
    ".then((text) => renew(new DOMParser().parseFromString(text, 'text/html')))"
)
FEW = ("overview", "task", "jobs", "version", "traffic of one", "approvals", "audit", "chain", "tenants", "playground")
WIDER = """[...document.querySelectorAll("body *")].filter((one) => {
  const box = one.getBoundingClientRect();
  return box.right > innerWidth + 1 && box.width > 1 && getComputedStyle(one).position !== "absolute";
}).map((one) => one.tagName + ": " + one.textContent.slice(0, 60)).slice(0, 5)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.browser() as running:
        yield running


@pytest.fixture(scope="module")
def server(kept: Home) -> Iterator[tuple[str, Controls]]:
    what = parts.controls(kept)
    with parts.serving(what) as address:
        yield address, what


@pytest.fixture
def tab(browser: Browser, server: tuple[str, Controls]) -> Tab:
    """A page of somebody who has logged in by keyboard."""
    return logged_in(browser, server[0])


def logged_in(browser: Browser, address: str) -> Tab:
    tab = browser.tab()
    tab.go(f"{address}/login")
    assert tab.js("document.activeElement.id") == "key"
    tab.write(parts.KEY)
    tab.press("Enter")
    tab.until("document.querySelector('#nav')")
    return tab


def test_the_session_is_a_cookie_that_no_script_reads(tab: Tab) -> None:
    [cookie] = [one for one in tab.cookies() if one["name"] == "rung"]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and tab.js("document.cookie") == ""
    assert not tab.complaints()


def test_a_wrong_key_is_told_and_the_right_one_still_comes_in(browser: Browser, server: tuple[str, Controls]) -> None:
    tab = browser.tab(360, 780)
    tab.go(f"{server[0]}/approvals")
    tab.write("rka-wrong")
    tab.press("Enter")
    tab.until("document.querySelector('[role=alert]') && document.activeElement.id === 'key'")
    assert "not the key" in tab.text()
    tab.write(parts.KEY)
    tab.press("Enter")
    tab.until("location.pathname === '/approvals' && document.querySelector('#nav')")
    assert [said for said in tab.complaints() if "401" not in said] == []


def test_a_form_without_its_token_is_refused(tab: Tab, server: tuple[str, Controls]) -> None:
    tab.go(f"{server[0]}/rollouts")
    tab.js("document.querySelectorAll('main [name=csrf]').forEach((one) => one.remove())")
    tab.js("document.querySelector('main button[value=pause]').click()")
    tab.until("document.body.innerText.includes('did not come from a page of your session')")
    assert server[1].rollouts.done == []  # type: ignore[union-attr]
    status = "fetch('/tenants', {method: 'POST', body: new URLSearchParams({name: 'x'})}).then((one) => one.status)"
    assert tab.js(status) == 403


def test_the_keyboard_reaches_everything_and_the_skip_link_skips(tab: Tab, server: tuple[str, Controls]) -> None:
    tab.go(f"{server[0]}/approvals")
    tab.press("Tab")
    assert tab.js("document.activeElement.className") == "skip"
    assert tab.js("document.activeElement.getBoundingClientRect().top") >= 0, "it is seen where it has the focus"
    tab.press("Enter")
    tab.press("Tab")
    assert tab.js("document.querySelector('main').contains(document.activeElement)")
    ring = "getComputedStyle(document.activeElement).outlineStyle"
    assert tab.js(ring) != "none"
    tab.tab_to("#aheld-bb")
    for _ in range(3):
        tab.press("Tab", shift=True)
    assert tab.js("document.querySelector('main').contains(document.activeElement)")


def test_a_held_call_is_approved_and_another_refused_by_keyboard(browser: Browser, kept: Home) -> None:
    what = parts.controls(kept)
    with parts.serving(what) as address:
        tab = logged_in(browser, address)
        tab.go(f"{address}/approvals")
        tab.tab_to("#wheld-aa")
        tab.write("not our order")
        tab.tab_to("#xheld-aa")
        tab.press("Enter")
        tab.until("document.body.innerText.includes('held-aa is refused.')")
        tab.tab_to("#aheld-bb")
        tab.press(" ")
        tab.until("document.body.innerText.includes('held-bb is approved.')")
        assert [one.why for one in what.holds.over] == ["", "not our order"]  # type: ignore[union-attr]
        assert not tab.complaints()


def test_what_somebody_writes_is_not_taken_away_by_a_page_that_renews_itself(browser: Browser, kept: Home) -> None:
    what = parts.controls(kept)
    with parts.serving(what) as address:
        tab = logged_in(browser, address)
        tab.go(f"{address}/approvals")
        tab.js("document.getElementById('wheld-aa').value = 'half a'")
        what.holds.waits.pop()  # type: ignore[union-attr]
        tab.js(RENEW)
        assert tab.js("document.getElementById('wheld-aa').value") == "half a" and tab.js("!!document.getElementById('wheld-bb')")
        tab.js("document.getElementById('wheld-aa').value = ''")
        tab.js(RENEW)
        assert not tab.js("!!document.getElementById('wheld-bb')")


def test_a_link_on_another_site_leads_to_the_page(browser: Browser, server: tuple[str, Controls]) -> None:
    tab = logged_in(browser, server[0])
    elsewhere = server[0].replace("127.0.0.1", "localhost")
    tab.go(f"{elsewhere}/login")
    tab.js(f"location.href = {json.dumps(server[0] + '/rollouts')}")
    tab.until("location.pathname === '/rollouts' && document.querySelector('#nav')")


def test_what_is_open_stays_open_and_is_renewed(browser: Browser, kept: Home) -> None:
    what = parts.controls(kept)
    with parts.serving(what) as address:
        tab = logged_in(browser, address)
        tab.go(f"{address}/rollouts")
        tab.js("[...document.querySelectorAll('details')].find((one) => one.innerText.includes('What happened')).open = true")
        what.rollouts.words = "shown to be harmless"  # type: ignore[union-attr]
        tab.js(RENEW)
        assert "shown to be harmless" in tab.text() and tab.js("document.querySelectorAll('details[open]').length") == 1
        assert "begun" in tab.text() and tab.js("document.getElementById('stale').textContent") == ""


def test_the_playground_shows_answers_side_by_side_as_they_come(tab: Tab, server: tuple[str, Controls]) -> None:
    tab.go(f"{server[0]}/playground")
    tab.tab_to("#question")
    tab.write("Is it good?")
    tab.press("Tab")
    tab.press(" ")
    tab.tab_to("#other")
    tab.write("nothing@1")
    tab.tab_to("#send")
    tab.press("Enter")
    tab.until("document.querySelectorAll('.answer:not([aria-busy])').length === 2")
    [first, second] = tab.js("[...document.querySelectorAll('.answer')].map((one) => one.innerText)")
    assert "says: Complaint: the parcel came late." in first and "41 tokens in, 9 out" in first and " ms to the first word" in first
    assert "no candidate is called 'nothing@1'. Did you mean 'tone'?" in second
    assert not tab.complaints() and not tab.js("document.getElementById('send').disabled")


def test_stop_ends_an_answer(tab: Tab, server: tuple[str, Controls]) -> None:
    tab.go(f"{server[0]}/playground?ref=tone@champion")
    tab.js("document.getElementById('question').value = 'slow'")
    tab.js("document.getElementById('ask').requestSubmit()")
    tab.until("document.querySelector('.answer .words')?.textContent.includes('late.')")
    tab.js("document.getElementById('stop').click()")
    tab.until("document.querySelector('.answer')?.innerText.includes('Stopped.')")


def test_the_menu_of_a_phone_opens_and_closes(tab: Tab, server: tuple[str, Controls]) -> None:
    tab.size(360, 780)
    tab.go(f"{server[0]}/")
    assert not tab.js("document.getElementById('nav').offsetParent")
    tab.tab_to("#menu")
    tab.press("Enter")
    assert tab.js("!!document.getElementById('nav').offsetParent && document.getElementById('menu').ariaExpanded === 'true'")
    tab.press("Tab")
    assert tab.js("document.getElementById('nav').contains(document.activeElement)")
    tab.press("Escape")
    assert not tab.js("document.getElementById('nav').offsetParent") and tab.js("document.activeElement.id") == "menu"


def test_without_scripts_the_menu_is_there_and_forms_work(browser: Browser, server: tuple[str, Controls]) -> None:
    tab = logged_in(browser, server[0])
    tab.scripts(False)
    tab.size(360, 780)
    tab.go(f"{server[0]}/playground?ref=tone@2")
    found = tab.call("DOM.getDocument", depth=-1)
    assert "body" in json.dumps(found).lower() and "folded" not in json.dumps(found)


def test_no_page_is_wider_than_its_window_and_nothing_is_complained_of(browser: Browser, server: tuple[str, Controls]) -> None:
    tab = logged_in(browser, server[0])
    for place, name in enumerate(PATHS if ALL else FEW):
        tab.go(server[0] + PATHS[name])
        for width in WIDTHS if ALL else (360,):
            tab.size(width, 800)
            tab.dark(bool(place % 2))
            assert tab.js("document.documentElement.scrollWidth <= innerWidth"), (name, width, tab.js(WIDER))
    assert not tab.complaints()


def test_an_attack_does_nothing_in_a_browser(browser: Browser, attacked: Home) -> None:
    with parts.serving(parts.controls(attacked, HOSTILE)) as address:
        tab = logged_in(browser, address)
        tab.js("window.alert = () => { window.attacked = true }")
        for path in PATHS.values() if ALL else ("/approvals", "/tasks/tone", "/rollouts", "/tenants", "/jobs"):
            tab.size(360, 800)
            tab.go(address + path)
            assert tab.js("!window.attacked && document.images.length === 0 && document.scripts.length === 1")
            assert tab.js("document.documentElement.scrollWidth <= innerWidth"), (path, tab.js(WIDER))
        tab.go(f"{address}/playground?ref=tone@2")
        tab.js("document.getElementById('question').value = 'x'")
        tab.js("document.getElementById('ask').requestSubmit()")
        tab.until("document.querySelectorAll('.answer:not([aria-busy])').length === 1")
        assert tab.js("document.images.length === 0 && document.querySelector('.answer .words').children.length === 0")
        assert not tab.complaints()


def test_words_stand_out_from_what_is_behind_them(tab: Tab, server: tuple[str, Controls], tmp_path: Path) -> None:
    tab.go(f"{server[0]}/")
    for dark in (False, True):
        tab.dark(dark)
        names = ("ink", "soft", "accent", "pass", "fail", "undecided")
        read = "((name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name))"
        paper, raised = tab.js(f"{read}('paper')"), tab.js(f"{read}('raised')")
        for name in names:
            colour = tab.js(f"{read}('{name}')")
            assert min(_contrast(colour, paper), _contrast(colour, raised)) >= 4.5, (name, dark)


def _contrast(one: str, other: str) -> float:
    """WCAG 2's ratio of two colours `#rrggbb`."""

    def light(colour: str) -> float:
        parts = [int(colour.strip().lstrip("#")[place : place + 2], 16) / 255 for place in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)
