"""Detectors: LightningModules with ``score(batch) -> (B,)``, higher is more anomalous."""
