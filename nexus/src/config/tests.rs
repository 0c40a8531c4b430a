//! Configurations, right and wrong.
