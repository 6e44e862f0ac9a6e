"""Check for a Weights & Biases login, without a prompt, a network, or Lightning."""

import netrc
import os
from pathlib import Path
from urllib.parse import urlparse

import wandb

__all__ = ["has_wandb_key"]

OLD_HOST = "api.wandb.ai"
"""What W&B's own server was called when some keys were stored."""


def has_wandb_key() -> bool:
    """Check whether there is a W&B key: in ``WANDB_API_KEY``, or in the netrc of ``wandb login``."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    own = os.environ.get("WANDB_BASE_URL")
    url = urlparse(own or wandb.Settings().base_url)
    # Which of them `wandb login` wrote depends on its version.
    hosts = {url.netloc, url.hostname} | (set() if own else {OLD_HOST})
    file = Path(os.environ.get("NETRC", "~/.netrc")).expanduser()
    try:
        known = netrc.netrc(file)
        return any(host and known.authenticators(host) is not None for host in hosts)
    except (OSError, netrc.NetrcParseError):
        return False
