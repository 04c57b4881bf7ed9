"""The group of commands ``ocpp-actors testbench``."""

import rich_click as click

from ocpp_actors.testbench_cli.profiles import list_all, new
from ocpp_actors.testbench_cli.proxy import proxy
from ocpp_actors.testbench_cli.run import run


@click.group(no_args_is_help=True)
def testbench() -> None:
    """Put a central system and charge points through their paces.

    \b
    Examples:
      ocpp-actors testbench list
      ocpp-actors testbench run basic
      ocpp-actors testbench new mine
    """  # noqa: D301


for _each in (run, list_all, new, proxy):
    testbench.add_command(_each)
