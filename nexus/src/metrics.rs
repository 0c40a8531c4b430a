//! Every metric of a Nexus beyond what all servers count. No label ever names a caller or a path.

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{
        MetricType, counter::ConstCounter, family::Family, gauge::ConstGauge, histogram::Histogram,
    },
    registry::{Registry, Unit},
};
use spike_audit::Log;
use spike_runtime::metrics::{Requests, Serving, SvidExpiry};
use spike_store_postgres::{PoolState, PostgresStore};

use crate::{boot::Boot, keys::Keys, start::Parts, stores::Awaited};

/// Seconds of a store call, by operation.
const STORE_SECONDS: &str = "spike_store_seconds";
/// The epoch of the shards in force.
const KEYS_EPOCH: &str = "spike_keys_epoch";
/// 1 while there are no keys.
const SEALED: &str = "spike_sealed";
/// 1 for a Keeper that holds its shard, by index.
const KEEPER_UP: &str = "spike_keeper_up";
/// The store's connections, by what they are doing.
const STORE_POOL: &str = "spike_store_pool";
/// Audit lines that were refused.
const AUDIT_FAILURES: &str = "spike_audit_failures";

/// The route of a request that isn't one.
pub(crate) const UNKNOWN_ROUTE: &str = "unknown";

/// From a tenth of a millisecond to the deadline of a request.
const SECONDS: [f64; 12] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0, 12.0];

type OpLabels = [(&'static str, &'static str); 1];
type StoreSeconds = Family<OpLabels, Histogram, fn() -> Histogram>;

/// What requests and store calls are recorded in.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    /// Requests by route and outcome.
    pub(crate) requests: Requests,
    /// The accept loop's.
    pub(crate) serving: Serving,
}

/// How long store calls take.
#[derive(Clone, Debug)]
pub(crate) struct StoreMetrics(StoreSeconds);

impl StoreMetrics {
    /// Adds `spike_store_seconds{op}`.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        let seconds = Family::new_with_constructor(histogram);
        registry.register(STORE_SECONDS, "Time of a store call, by operation", seconds.clone());
        Self(seconds)
    }

    /// Records one call.
    pub(crate) fn record(&self, op: &'static str, took: Duration) {
        self.0.get_or_create(&[("op", op)]).observe(took.as_secs_f64());
    }
}

impl Metrics {
    /// Adds everything but the store's.
    pub(crate) fn register(registry: &mut Registry, parts: &Parts) -> Self {
        SvidExpiry::register(registry).follow(parts.identity.clone());
        let observed = Observed { keys: parts.keys.clone(), audit: parts.audit.clone() };
        registry.register_collector(Box::new(observed));
        Self { requests: Requests::register(registry), serving: Serving::register(registry) }
    }
}

/// Adds `spike_keeper_up{index}`.
pub(crate) fn register_keepers(registry: &mut Registry, boot: Arc<Boot>) {
    registry.register_collector(Box::new(Keepers(boot)));
}

/// Worked out at each scrape.
#[derive(Debug)]
struct Observed {
    keys: Keys,
    audit: Log,
}

impl Collector for Observed {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let open = self.keys.open();
        let sealed = ConstGauge::new(i64::from(open.is_none()));
        let help = "1 while this replica has no keys";
        sealed.encode(encoder.encode_descriptor(
            SEALED,
            help,
            None::<&Unit>,
            sealed.metric_type(),
        )?)?;
        if let Some(unsealed) = open {
            let epoch = i64::from(unsealed.ring.current().epoch);
            let epoch = ConstGauge::new(epoch);
            let help = "The epoch of the shards in force";
            epoch.encode(encoder.encode_descriptor(
                KEYS_EPOCH,
                help,
                None,
                epoch.metric_type(),
            )?)?;
        }
        let failures = ConstCounter::new(self.audit.status().failures);
        let help = "Audit lines that could not be written";
        let kind = failures.metric_type();
        failures.encode(encoder.encode_descriptor(AUDIT_FAILURES, help, None, kind)?)
    }
}

/// Adds `spike_store_pool{state}`.
pub(crate) fn register_pool(registry: &mut Registry, store: Arc<Awaited>) {
    registry.register_collector(Box::new(Pool(store)));
}

/// What the store's connections are doing at the scrape.
struct Pool(Arc<Awaited>);

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

impl Collector for Pool {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let state = self.0.postgres().map(PostgresStore::pool).unwrap_or_default();
        let PoolState { idle, busy, opening, stuck } = state;
        let help = "The store's connections, by what they are doing; stuck: the server still works \
                    on what nobody waits for";
        let mut family = encoder.encode_descriptor(STORE_POOL, help, None, MetricType::Gauge)?;
        for (state, connections) in
            [("idle", idle), ("busy", busy), ("opening", opening), ("stuck", stuck)]
        {
            let gauge = ConstGauge::new(i64::from(connections));
            gauge.encode(family.encode_family(&[("state", state)])?)?;
        }
        Ok(())
    }
}

/// What was seen of the Keepers last.
struct Keepers(Arc<Boot>);

impl fmt::Debug for Keepers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keepers")
    }
}

impl Collector for Keepers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "1 for a Keeper that answers and holds its shard of the current set";
        let mut family = encoder.encode_descriptor(KEEPER_UP, help, None, MetricType::Gauge)?;
        for keeper in self.0.keepers().into_iter().filter(|keeper| self.0.has_part(keeper.index)) {
            let up = ConstGauge::new(i64::from(keeper.reachable && keeper.current));
            up.encode(family.encode_family(&[("index", keeper.index.to_string())])?)?;
        }
        Ok(())
    }
}
