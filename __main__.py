"""Stack configuration and worker folders → the platform."""

import os
import signal
from pathlib import Path

import pulumi

from components.platform import Platform
from components.problems import ConfigurationError
from components.settings import load_settings

if __name__ == "__main__":
    # The engine interrupts the program when a policy refuses what it declares, and says why. Python would print a
    # traceback below that.
    signal.signal(signal.SIGINT, lambda *_: os._exit(1))

project_dir = Path(__file__).resolve().parent
try:
    settings = load_settings(project_dir)
except ConfigurationError as error:
    raise pulumi.RunError(str(error)) from None  # its text is for people; a traceback is not
platform = Platform(settings, project_dir)
pulumi.export("apiUrl", platform.url)
pulumi.export("apiKey", platform.key)
pulumi.export("uploadsBucket", platform.uploads_bucket)
pulumi.export("resultsBucket", platform.results_bucket)
