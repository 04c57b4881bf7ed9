"""``ocpp-actors``, and ``python -m ocpp_actors``, which is the same."""

import signal
import sys


def main() -> int:
    """Run the command that the process was started with, and return its exit status.

    Until all that it needs is loaded, Ctrl-C ends the process at once, without a traceback: nothing was begun.
    """
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ocpp_actors import cli

    signal.signal(signal.SIGINT, interrupt)
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
