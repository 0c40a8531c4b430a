//! A Keeper's own metrics, beside those that every server has.

use std::sync::Arc;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use crate::keeper::Keeper;

/// The epoch of the committed set; 0 without one.
pub const EPOCH: &str = "spike_keeper_epoch";
/// Sets held: current, previous and pending.
pub const SETS: &str = "spike_keeper_sets";
/// Audit lines that couldn't be written.
pub const AUDIT_FAILURES: &str = "spike_audit_failures";
/// 1 if every shard lies in locked memory.
pub const MEMORY_LOCKED: &str = "spike_memory_locked";

/// Adds them, worked out at each scrape.
pub fn register(registry: &mut Registry, keeper: Arc<Keeper>) {
    registry.register_collector(Box::new(Held(keeper)));
}

#[derive(Debug)]
struct Held(Arc<Keeper>);

impl Collector for Held {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut gauge = |name, help, value: i64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        let status = self.0.status();
        let locked = spike_seal::memory::all_locked();
        let sets = i64::try_from(status.sets.len()).unwrap_or(i64::MAX);
        gauge(
            EPOCH,
            "Epoch of the committed set, 0 without one",
            self.0.epoch().unwrap_or(0).into(),
        )?;
        gauge(SETS, "Sets held: current, previous and pending", sets)?;
        gauge(MEMORY_LOCKED, "1 if every shard lies in locked memory", locked.into())?;

        let failures = ConstCounter::new(self.0.audit_failures());
        let help = "Audit lines that couldn't be written";
        let kind = failures.metric_type();
        failures.encode(encoder.encode_descriptor(AUDIT_FAILURES, help, None, kind)?)
    }
}
