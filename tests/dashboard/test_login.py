"""The login: a wrong token shows what is wrong, never a blank page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from tests.dashboard.conftest import Watched
from tests.dashboard.running import Running, running_server

pytestmark = pytest.mark.heavy

TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def closed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_server(tmp_path_factory.mktemp("closed"), API_TOKEN=TOKEN, TESTING="on") as running:
        yield running


def log_in(page: Page, token: str) -> None:
    page.get_by_label("API token").fill(token)
    page.get_by_label("Your name").fill("maria")
    page.get_by_role("button", name="Log in").click()


def test_wrong_token_shows_the_login_with_a_message(closed_server: Running, watched: Watched) -> None:
    page = watched.page
    page.goto(closed_server.dashboard)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    log_in(page, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("This is not the token of this server.")
    expect(page.get_by_label("API token")).to_be_focused()
    log_in(page, TOKEN)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.get_by_text("Logged in as maria")).to_be_visible()
    assert len(watched.refusals) == 1


def test_server_that_may_misbehave_says_so(closed_server: Running, page: Page) -> None:
    page.goto(closed_server.dashboard)
    expect(page.get_by_text("TESTING is on")).to_be_visible()
    log_in(page, TOKEN)
    expect(page.get_by_text("TESTING is on")).to_be_visible()


def test_session_that_ended_leads_back_to_the_login(closed_server: Running, watched: Watched) -> None:
    page = watched.page
    page.goto(f"{closed_server.dashboard}/#/id-tags")
    log_in(page, TOKEN)
    expect(page.get_by_role("heading", name="Id tags")).to_be_visible()
    page.context.clear_cookies()
    # Not by a click: what the page asks by itself may have led to the login already, where there are no links.
    page.goto(f"{closed_server.dashboard}/#/transactions")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    log_in(page, TOKEN)
    expect(page.get_by_role("heading", name="Transactions")).to_be_visible()


def test_log_out_ends_the_session(closed_server: Running, page: Page) -> None:
    page.goto(closed_server.dashboard)
    log_in(page, TOKEN)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
