"""The site: Furo, MyST, and a reference that is generated from the code."""

import sys
from pathlib import Path

from ocpp_actors import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "ocpp-actors"
copyright = "the ocpp-actors contributors"
author = "the ocpp-actors contributors"
release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "ocpp_actors_commands",
    "ocpp_actors_reference",
    "ocpp_actors_http_api",
    "ocpp_actors_scenarios",
]
exclude_patterns = ["_build", "_ext"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# The changelog is headed like the file that it is read from.
suppress_warnings = ["myst.header"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "furo"
html_title = f"ocpp-actors {release}"
html_copy_source = False
