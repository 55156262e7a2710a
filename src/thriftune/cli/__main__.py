"""`python -m thriftune.cli` is the command `thriftune`."""

from thriftune.cli import main

main()
