//! What the operator counts.

use std::time::Duration;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Reconciles by outcome.
pub(crate) const RECONCILES: &str = "spike_operator_reconciles";
/// Seconds of a reconcile.
pub(crate) const RECONCILE_SECONDS: &str = "spike_operator_reconcile_seconds";
/// Steps that were applied, by name.
pub(crate) const STEPS: &str = "spike_operator_steps";
/// 1 while this operator leads.
pub(crate) const LEADS: &str = "spike_operator_leads";

/// From a look that finds nothing to one that waits for several answers.
const SECONDS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0];

type Labels = [(&'static str, &'static str); 1];

/// What the operator counts.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    reconciles: Family<Labels, Counter>,
    seconds: Histogram,
    steps: Family<Labels, Counter>,
    /// 1 while this operator leads.
    pub(crate) leads: Gauge,
}

impl Metrics {
    /// Adds them to a registry.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let this = Self {
            reconciles: Family::default(),
            seconds: Histogram::new(SECONDS),
            steps: Family::default(),
            leads: Gauge::default(),
        };
        registry.register(RECONCILES, "Reconciles by outcome", this.reconciles.clone());
        registry.register(RECONCILE_SECONDS, "Time of a reconcile", this.seconds.clone());
        registry.register(STEPS, "Steps that were applied", this.steps.clone());
        registry.register(LEADS, "1 while this operator leads", this.leads.clone());
        this
    }

    /// One reconcile.
    pub(crate) fn reconciled(&self, outcome: &'static str, took: Duration) {
        self.reconciles.get_or_create(&[("outcome", outcome)]).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// One step.
    pub(crate) fn stepped(&self, step: &'static str) {
        self.steps.get_or_create(&[("step", step)]).inc();
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn the_operators_alerts_are_about_what_it_counts_and_have_runbooks() {
        // Read, not included: neither is in an image's build.
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let text = |file| fs::read_to_string(root.join(file)).expect("read");
        let alerts = text("config/chart/monitoring/alerts.yaml");
        for counted in [format!("({LEADS} == 1)"), format!("({RECONCILES}_total{{outcome=~")] {
            assert!(alerts.contains(&counted), "{counted}");
        }
        let runbooks = text("docs/runbooks.md");
        let named = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
        for name in named {
            assert!(runbooks.contains(&format!("### {name}\n")), "{name}");
            assert!(alerts.contains(&format!("runbooks.md#{}\n", name.to_lowercase())), "{name}");
        }
    }
}
