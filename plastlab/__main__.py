"""`python -m plastlab <command>`."""

import sys

from plastlab.cli import main

sys.exit(main())
