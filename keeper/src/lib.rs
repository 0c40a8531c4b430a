//! SPIKE Keeper: holds one Shamir shard in memory.
