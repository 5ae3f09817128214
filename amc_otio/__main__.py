"""``python -m amc_otio`` is ``amc-otio``."""

import sys

from amc_otio.cli import main

sys.exit(main())
