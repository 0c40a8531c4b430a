//! Issues X.509-SVIDs and serves the SPIFFE Workload API.
