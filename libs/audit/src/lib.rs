//! Hash-chained, signed audit lines of Spike.
