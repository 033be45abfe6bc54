"""How is the SMTP door started by itself? `python -m smtpd`, configured by LIVERY_* variables."""

import os
import sys

from kit.settings import SettingsError, load
from smtpd import serve

if __name__ == "__main__":
    try:
        serve(load(os.environ))
    except SettingsError as error:
        sys.exit(str(error))
