"""Nobody without the token gets anything, on loopback too."""

import urllib.error
import urllib.request

import pytest

from .conftest import TOKEN

pytestmark = pytest.mark.timeout(900)


def get(url, **headers):
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args):
            return None

    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=30) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def test_only_who_bears_the_token_is_let_in(taught, serve):
    pages = serve(taught.parent)
    asset = f"{pages.url}_nicegui/"
    for url in (pages.url, f"{pages.url}review?token=wrong", asset, f"{pages.url}_nicegui_ws/socket.io/?EIO=4"):
        status, _, text = get(url)
        assert status == 403 and "token" in text and "which are" not in text
    status, headers, _ = get(pages.address("review", run="taught"))
    assert (status, headers["location"]) == (303, "/review?run=taught")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and str(pages.port) in cookie
    cookie = cookie.partition(";")[0]
    assert get(f"{pages.url}review", Cookie=cookie)[0] == 200
    assert get(f"{pages.url}review", Cookie=cookie, Origin="http://127.0.0.1:1")[0] == 403  # a page of another port
    assert get(f"{pages.url}review", Cookie=cookie.replace(TOKEN, "x"))[0] == 403


def test_nothing_but_decisions_is_kept(taught, serve):
    pages = serve(taught.parent)
    before = {path.name for path in taught.parent.rglob("*")}
    assert get(pages.address("review"))[0] == 303
    pages.end()
    assert {path.name for path in taught.parent.rglob("*")} == before


def test_a_folder_without_runs_is_said_plainly(tmp_path):
    pytest.importorskip("nicegui", reason="the pages need NiceGUI")
    from thriftune.errors import RunError
    from thriftune.ui.workspace import Workspace

    with pytest.raises(RunError, match="holds no run"):
        Workspace(tmp_path)
