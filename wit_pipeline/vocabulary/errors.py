"""The two ways a command fails, and the exit code of each.

WitError
├── UserError   2  the user's input is wrong: one line, what was found and what to do
└── RunError    1  the data or the world failed: one line, how

A wrong *record* is neither: it is data, and becomes a `Reject` with a `Reason`.
"""


class WitError(Exception):
    """A failure that ends the command with one line on stderr and no traceback."""

    exit_code = 1


class UserError(WitError):
    """What the user gave cannot be used. The message says what would be right."""

    exit_code = 2


class RunError(WitError):
    """The input was fine, and the data, the disk or the network failed."""

    exit_code = 1
