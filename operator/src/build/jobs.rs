//! Jobs: each does one thing once, and a plan makes it when it is its time.
//!
//! They may have an owner: no key depends on them.

use serde_json::{Value, json};

use super::{
    Kind, Object, nexus,
    object::merge,
    pod::{self, Program},
    volumes::{self, Mounted, var},
};
use crate::{
    cluster::{Cluster, Place, Store},
    hash::Digest,
    names::{Digested as _, Half, Part, annotation},
};

/// How long a bootstrap may take; it is tried again with another name.
const BOOTSTRAP_SECONDS: u32 = 120;

/// Makes the root key. One try: what a crash leaves behind is looked at before the next.
pub fn bootstrap(cluster: &Cluster, attempt: u32) -> Object {
    let mut env = nexus::env(cluster, cluster.keepers());
    if !cluster.recipients.is_empty() {
        env.push(var("SPIKE_BOOTSTRAP_RECIPIENTS", cluster.recipients.join(",")));
    }
    let mut mounted = vec![pod::identity(cluster)];
    mounted.extend(store(cluster, false));
    let template = template(cluster, vec![json!("bootstrap")], env, mounted);
    let limits = json!({"activeDeadlineSeconds": BOOTSTRAP_SECONDS, "backoffLimit": 0});
    job(cluster, cluster.names.bootstrap_job(attempt), &limits, &template)
}

/// Brings the schema up to what an image needs, before that image serves; or removes what only images
/// before it need, when none of them serves any more.
pub fn schema(cluster: &Cluster, half: Half) -> Object {
    let verb = match half {
        Half::Expand => "expand",
        Half::Contract => "contract",
    };
    let mut args = ["store", "schema", verb].map(Value::from).to_vec();
    let mut env = nexus::env(cluster, cluster.keepers());
    if let Some(role) = granted(cluster).filter(|_| half == Half::Expand) {
        args.extend([json!("--grant"), json!(format!("$({GRANTED})"))]);
        env.push(role);
    }
    let mut mounted = vec![pod::identity(cluster)];
    mounted.extend(store(cluster, true));
    let template = template(cluster, args, env, mounted);
    let version = schema_version(cluster);
    let name = cluster.names.schema_job(half, &Digest::of(&(version.as_str(), asked(cluster))));
    // It may meet a server that is not up yet; it changes nothing twice. It ends by itself in time, and
    // one whose pod waits for a Secret may wait.
    let job = job(cluster, name, &json!({"backoffLimit": 3}), &template);
    job.annotated([(annotation::VERSION, version.as_str())])
}

fn asked(cluster: &Cluster) -> &str {
    cluster.asked.as_str()
}

/// The variable with the name of the role that Nexus serves as.
const GRANTED: &str = "STORE_ROLE";

/// Who serves gets its rights from who owns the tables, where those are two.
fn granted(cluster: &Cluster) -> Option<Value> {
    let Store::Postgres(postgres) = &cluster.store else { return None };
    let login = postgres.credentials.as_ref()?;
    postgres.migration_credentials.as_ref().filter(|owner| owner.name != login.name)?;
    let user = json!({"name": login.name, "key": login.username_key});
    Some(json!({"name": GRANTED, "valueFrom": {"secretKeyRef": user}}))
}

/// What one schema Job is good for: an image on a store.
pub fn schema_version(cluster: &Cluster) -> Digest {
    let place = match &cluster.store {
        Store::Postgres(postgres) => match &postgres.place {
            Place::Url(url) => (url.as_str(), ""),
            Place::Secret(url) => (url.name.as_str(), url.key.as_str()),
        },
        Store::Sqlite { .. } | Store::Memory => ("", ""),
    };
    Digest::of(&(cluster.image.reference.as_str(), place))
}

fn store(cluster: &Cluster, owner: bool) -> Option<Mounted> {
    let Store::Postgres(postgres) = &cluster.store else { return None };
    let usual = postgres.credentials.as_ref();
    let own = postgres.migration_credentials.as_ref().filter(|_| owner);
    Some(volumes::postgres(postgres, own.or(usual)))
}

fn template(cluster: &Cluster, args: Vec<Value>, env: Vec<Value>, mounted: Vec<Mounted>) -> Value {
    let program = Program {
        part: Part::Bootstrap,
        file: "nexus",
        args,
        env,
        mounted,
        resources: json!({"requests": {"cpu": "50m", "memory": "64Mi"}}),
        overrides: &cluster.nexus.overrides,
        grace: 30,
    };
    program.template(cluster, json!({"restartPolicy": "Never"}))
}

/// `limits` is its spec but for the template.
fn job(cluster: &Cluster, name: String, limits: &Value, template: &Value) -> Object {
    let mut body = json!({"spec": {"template": template}});
    merge(&mut body, json!({"spec": limits}));
    let job = Object::new(cluster, Kind::Job, name, "bootstrap", body);
    job.annotated([(annotation::ASKED, asked(cluster))])
}
