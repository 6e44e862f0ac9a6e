"""From a folder nobody has cleaned to suspects, a clean list, a threshold and a report."""
