"""What a shell finds as `luban` and `python` in tests: it has a fork of `forked` do what was typed, and waits.

It is run under those names, and asks by a line in the FIFO that the environment names.
"""

import os
import sys


def main() -> int:
    """Asks for the fork, and returns the status that it ends with."""
    read, write = os.pipe()
    with open(os.environ["LUBAN_FORKS"], "wb", buffering=0) as wishes:
        wishes.write(f"{os.getpid()} {write}\n".encode())
    with open(read, "rb", buffering=0) as told:
        started = told.readline()
        os.close(write)
        status = told.read()
    return int(status) if started and status else 70


if __name__ == "__main__":
    sys.exit(main())
