"""The site builds without a warning and without a network, and no page of it loads anything from elsewhere."""

import os
import re
import shutil
import subprocess

import pytest

from .blocks import ROOT

ZENSICAL = shutil.which("zensical")
NOWHERE = "http://127.0.0.1:9"  # a proxy that is not there: whoever asks the network fails
FOREIGN = re.compile(r"<(?:script|img|iframe|link)\b[^>]*(?:src|href)=[\"']?(?:https?:)?//(?!www\.w3\.org)[^\"'>]*")


@pytest.mark.skipif(ZENSICAL is None, reason="needs zensical: pip install 'thriftune[docs]'")
def test_the_site_builds_and_is_whole(tmp_path):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE)
    command = [str(ZENSICAL), "build", "--strict", "-f", "mkdocs.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, env=os.environ | proxies)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 20
    foreign = {page.name: found for page in pages if (found := FOREIGN.findall(page.read_text(encoding="utf-8")))}
    assert not foreign
