"""Entry point of ``python -m plughub``, which is the ``hub`` command."""

from plughub.cli.main import main

main()
