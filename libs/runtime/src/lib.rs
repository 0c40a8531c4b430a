//! Logs, probes, limits and drain: what every Spike server shares.
