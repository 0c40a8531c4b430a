//! Tests of Spike's real processes, one file per promise.
