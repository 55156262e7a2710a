"""Shared settings: few threads, passive waiting, no network look-ups by model libraries."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
