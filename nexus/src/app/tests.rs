//! Use cases over a store in memory, with real keys.
