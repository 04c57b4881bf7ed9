"""The group of commands ``ocpp-actors testbench``."""

import rich_click as click

from ocpp_actors.testbench_cli.proxy import proxy


@click.group(no_args_is_help=True)
def testbench() -> None:
    """Put a central system and charge points through their paces."""


testbench.add_command(proxy)
