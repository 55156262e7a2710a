import pytest

from thriftune.testing import tiny


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Folders of a tiny causal and a tiny seq2seq student."""
    root = tmp_path_factory.mktemp("students")
    return {kind: str(tiny.save(root / kind, kind)) for kind in ("causal", "seq2seq")}
