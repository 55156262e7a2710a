"""Shared settings: threads wait passively, model libraries look nothing up on the network, examples are reproducible.

Property tests try the same examples each time: a test that fails says something of the change, not of chance. With
`HYPOTHESIS_PROFILE=explore` they try new ones.
"""

import os

from hypothesis import settings

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
