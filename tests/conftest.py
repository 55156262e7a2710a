"""Shared settings: threads wait passively, model libraries look nothing up on the network."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
