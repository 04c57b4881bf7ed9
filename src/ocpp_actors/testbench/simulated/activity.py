"""The names under which the command line asks for traffic."""

from typing import Final

from ocpp_actors.testbench.simulated import traffic

ID_TAGS: Final = traffic.ID_TAGS
Charging = traffic.Traffic
