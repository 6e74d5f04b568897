"""Failures that end the process: each is one sentence for the operator, and a restart does not mend it."""

EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h; the systemd unit does not restart after it


class SettingsError(Exception):
    """A setting, or what it points to, is wrong; the message is a whole sentence naming it."""
