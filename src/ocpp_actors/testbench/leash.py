"""``python -m ocpp_actors.testbench.leash MODULE ARGUMENT…`` runs a module, and kills it when its standard input ends.

Who holds the other end of that pipe is not outlived by the module, however they end. (A parent-death signal of the
kernel is tied to the thread that started the process, and trio starts processes in threads that come and go.)
"""

import os
import runpy
import signal
import sys
import threading


def _watch() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_watch, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
