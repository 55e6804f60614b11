"""`python -m seqae.cli` is `seqae`."""

from seqae.cli import main

main()
