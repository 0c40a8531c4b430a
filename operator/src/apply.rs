//! Does one step. Every write is one that may be done again.

mod write;

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{
        DeleteParams, DynamicObject, EvictParams, ObjectMeta, Patch, PatchParams, PostParams,
        Preconditions,
    },
};
use serde_json::{Value, json};
use spike_client::NexusClient;
use spike_core::wire::v2::keys::EnsureRequest;
use spike_crds::SpikeCluster;

use crate::{
    build::{self, Kind, Object},
    cluster::{Cluster, Identity},
    compare::agrees,
    context::Context,
    error::Error,
    names::{AUTHORITY_BUNDLE, AUTHORITY_SECRET, FINALIZER, Half, Part, annotation},
    observe::{self, Escrowed, Live, number, ring::newest, text},
    plan::{Hold, Stage, Step},
};

/// Who keeps the number of replicas while it changes hands.
const HANDOVER: &str = "spike-operator/scale-handover";

/// What a step is applied to.
pub(crate) struct Target<'a> {
    pub(crate) spec: &'a SpikeCluster,
    pub(crate) cluster: &'a Cluster,
    pub(crate) live: &'a Live,
    pub(crate) ctx: &'a Context,
}

impl Target<'_> {
    /// Does it. Steps that only wait do nothing.
    pub(crate) async fn apply(&self, step: &Step) -> Result<(), Error> {
        match step {
            Step::Idle | Step::Paused | Step::Wait(_) | Step::Stall(_) => Ok(()),
            Step::Retain => self.retain().await,
            Step::Delete(stage) => self.delete(*stage).await,
            Step::Release => release(self.ctx, &self.spec.metadata).await,
            Step::ApplyBase => self.apply_base().await,
            Step::ApplyKeepers { replicas, template } => {
                let memory = self.memory();
                let template = match template {
                    Hold::Wished => None,
                    Hold::Present => self.applied(),
                };
                let template = template.unwrap_or_else(|| build::keeper_template(self.cluster));
                self.write(build::stateful_set(self.cluster, *replicas, &template, &memory)).await
            }
            Step::RollBackKeepers => self.roll_back().await,
            Step::RecordGood => self.record_good().await,
            Step::ForgetKeeper { pod, uid } => self.forget(pod, uid).await,
            Step::EvictKeeper { pod, uid } => self.evict(pod, uid).await,
            Step::ReplaceAuthority { pod, uid } => self.dismiss(pod, uid).await,
            Step::Migrate => self.create(build::schema_job(self.cluster, Half::Expand)).await,
            Step::Contract => self.create(build::schema_job(self.cluster, Half::Contract)).await,
            Step::Escrow => self.escrow().await,
            Step::Bootstrap { attempt } => {
                self.create(build::bootstrap_job(self.cluster, *attempt)).await
            }
            Step::ApplyNexus { peers } => self.apply_nexus(*peers).await,
            Step::Reshare => self.reshare().await,
        }
    }

    fn memory(&self) -> build::Memory {
        let set = self.live.stateful_set.as_ref();
        let fresh = || build::Memory {
            cluster_id: self.live.known.cluster_id.clone(),
            ..build::Memory::default()
        };
        set.map_or_else(fresh, |set| observe::memory(self.live, set))
    }

    fn applied(&self) -> Option<Value> {
        observe::applied_template(self.live.stateful_set.as_ref()?)
    }

    fn replicas(&self) -> u8 {
        let set = self.live.stateful_set.as_ref();
        let replicas = set.map_or(0, |set| number(set, "/spec/replicas"));
        u8::try_from(replicas).unwrap_or(u8::MAX)
    }

    async fn roll_back(&self) -> Result<(), Error> {
        let (mut memory, applied) = (self.memory(), self.applied());
        let Some(good) = memory.good.clone() else { return Ok(()) };
        memory.bad = applied.as_ref().map(|bad| build::digest(bad).to_string());
        self.write(build::stateful_set(self.cluster, self.replicas(), &good, &memory)).await
    }

    async fn record_good(&self) -> Result<(), Error> {
        let Some(applied) = self.applied() else { return Ok(()) };
        let mut memory = self.memory();
        let wished = build::wish(self.cluster).keeper_template;
        memory.good = Some(applied.clone());
        memory.bad = memory.bad.filter(|bad| bad == wished.as_str());
        self.write(build::stateful_set(self.cluster, self.replicas(), &applied, &memory)).await
    }

    async fn apply_base(&self) -> Result<(), Error> {
        if self.cluster.identity == Identity::Builtin {
            self.ensure_secret().await?;
        }
        for (kind, name, uid) in &self.live.spare {
            let api = self.ctx.api(*kind, &self.cluster.names.namespace);
            let what = format!("delete {}/{name}", kind.name());
            gone(api.delete(name, &just_all(Some(uid))).await.map(drop), &what)?;
        }
        let served = |(object, _): &&(Object, _)| !self.live.unserved.contains(&object.kind);
        for (object, live) in self.live.base.iter().filter(served) {
            let right = live.as_ref().is_some_and(|live| agrees(live, &object.manifest));
            if !right {
                self.write(object.clone()).await?;
            }
        }
        Ok(())
    }

    /// The authority's Secret, empty: made without ever being read.
    async fn ensure_secret(&self) -> Result<(), Error> {
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": AUTHORITY_SECRET,
                "labels": self.cluster.names.labels("authority"),
            },
        });
        let secret: DynamicObject = serde_json::from_value(secret).expect("an object");
        let api = self.ctx.api(Kind::Secret, &self.cluster.names.namespace);
        match api.create(&PostParams::default(), &secret).await {
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            made => made.map(drop).map_err(Error::kubernetes(format!("create {AUTHORITY_SECRET}"))),
        }
    }

    /// By its name alone: of which uid it is can't be asked.
    async fn delete_secret(&self) -> Result<(), Error> {
        let api = self.ctx.api(Kind::Secret, &self.cluster.names.namespace);
        let deleted = api.delete(AUTHORITY_SECRET, &DeleteParams::background()).await;
        gone(deleted.map(drop), &format!("delete {AUTHORITY_SECRET}"))
    }

    async fn apply_nexus(&self, peers: u8) -> Result<(), Error> {
        let mut object = build::deployment(self.cluster, peers);
        let ours = self.live.deployment.as_ref();
        if let (None, Some(Value::Object(spec))) = (ours, object.manifest.get_mut("spec")) {
            // A new one starts with the fewest, also where an autoscaler decides from then on.
            spec.insert("replicas".to_owned(), json!(self.cluster.nexus.replicas));
        }
        let replicas = ours.map_or(0, |live| number(live, "/spec/replicas"));
        if self.cluster.nexus.autoscaling.is_some() && replicas > 0 {
            // Without another owner the field would fall to one when we let go of it.
            let live = u16::try_from(replicas).unwrap_or(u16::MAX);
            let version = ours.and_then(|live| text(live, &["metadata", "resourceVersion"]));
            // Of this very reading: the autoscaler may have decided since.
            let patch = build::handover(self.cluster, live, version);
            let params = PatchParams::apply(HANDOVER).force();
            let api = self.ctx.api(Kind::Deployment, &self.cluster.names.namespace);
            let name = self.cluster.names.part(Part::Nexus);
            let handed = api.patch(&name, &params, &Patch::Apply(patch)).await;
            handed.map_err(Error::kubernetes("hand over the number of replicas"))?;
            return self.put(object, None).await;
        }
        self.write(object).await
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.ctx.client.clone(), &self.cluster.names.namespace)
    }

    /// A pod whose node is gone: it has no storage, and its shard can be made again.
    async fn forget(&self, pod: &str, uid: &str) -> Result<(), Error> {
        let params = just(Some(uid)).grace_period(0);
        gone(self.pods().delete(pod, &params).await.map(drop), &format!("forget pod {pod}"))
    }

    /// A pod that can do nothing any more: there is nothing that a disruption budget would protect.
    async fn dismiss(&self, pod: &str, uid: &str) -> Result<(), Error> {
        gone(
            self.pods().delete(pod, &just(Some(uid))).await.map(drop),
            &format!("delete pod {pod}"),
        )
    }

    /// The disruption budget arbitrates: if somebody else is ahead, it is tried again later.
    async fn evict(&self, pod: &str, uid: &str) -> Result<(), Error> {
        let only = Some(just(Some(uid)));
        let params = EvictParams { delete_options: only, ..EvictParams::default() };
        gone(self.pods().evict(pod, &params).await.map(drop), &format!("evict pod {pod}"))
    }

    /// A client of the first Nexus that has the root key.
    async fn keyed(&self, what: &'static str) -> Result<NexusClient, Error> {
        let unsealed = |name: &str| {
            self.live.statuses.iter().any(|(pod, status)| pod == name && status.keys.is_some())
        };
        let pod = self.live.nexus.iter().find(|pod| unsealed(&pod.name));
        let bundle = self.live.bundle.as_deref();
        let client = match pod {
            Some(pod) => self.ctx.voices.keyed(self.cluster, bundle, pod).await,
            None => Err("none has the root key any more".to_owned()),
        };
        client.map_err(|why| Error::Unasked { what, why })
    }

    /// The ciphertexts of the recovery shards that were given out last, to where people look for them.
    async fn escrow(&self) -> Result<(), Error> {
        let client = self.keyed("escrow").await?;
        let given = client.escrow().await;
        let given = given.map_err(|source| Error::Nexus { what: "escrow", source })?;
        let id = newest(&self.live.statuses).and_then(|(status, _)| status.cluster_id);
        let id = id.map(|id| id.to_string()).unwrap_or_default();
        let (said, files) = Escrowed::of(&id, &given);
        self.write(build::escrow_map(self.cluster, &said, &files)).await
    }

    async fn reshare(&self) -> Result<(), Error> {
        let client = self.keyed("keys:ensure").await?;
        let wanted = EnsureRequest {
            generation: self.cluster.generation,
            shares: self.cluster.shares.into(),
            threshold: self.cluster.threshold.into(),
            // Of the same reading as the spec: one of an old cache is refused, and read again.
            expect: self.live.generation,
        };
        let ensured = client.ensure_keys(&wanted).await.map(drop);
        ensured.map_err(|source| Error::Nexus { what: "keys:ensure", source })
    }

    /// Everything says that it was left behind on purpose.
    async fn retain(&self) -> Result<(), Error> {
        for (kind, name, live) in self.present() {
            let mark = json!({"metadata": {
                "resourceVersion": text(live, &["metadata", "resourceVersion"]),
                "annotations": {annotation::RETAINED: "true"},
            }});
            let api = self.ctx.api(kind, &self.cluster.names.namespace);
            let marked = api.patch(&name, &PatchParams::default(), &Patch::Merge(&mark)).await;
            gone(marked.map(drop), &format!("mark {}/{name}", kind.name()))?;
        }
        Ok(())
    }

    /// What is there of ours.
    fn present(&self) -> Vec<(Kind, String, &Value)> {
        let base = self.live.base.iter();
        let base =
            base.filter_map(|(object, live)| Some((object.kind, &object.name, live.as_ref()?)));
        let mut present: Vec<_> =
            base.map(|(kind, name, live)| (kind, name.clone(), live)).collect();
        let names = &self.cluster.names;
        let set = self.live.stateful_set.iter();
        present.extend(set.map(|live| (Kind::StatefulSet, names.part(Part::Keeper), live)));
        let nexus = self.live.deployment.iter();
        present.extend(nexus.map(|live| (Kind::Deployment, names.part(Part::Nexus), live)));
        present.retain(|(_, _, live)| observe::is_ours(self.cluster, live));
        present
    }

    async fn delete(&self, stage: Stage) -> Result<(), Error> {
        let nexus = self.cluster.names.part(Part::Nexus);
        let doomed = |(kind, name, _): &(Kind, String, &Value)| match stage {
            Stage::Jobs => false,
            Stage::Nexus => *kind == Kind::Deployment && *name == nexus,
            Stage::Keepers => *kind == Kind::StatefulSet,
            Stage::Rest => kind.is_namespaced() && *kind != Kind::PersistentVolumeClaim,
            Stage::ClusterScoped => !kind.is_namespaced(),
        };
        let mut doomed: Vec<_> = self.present().into_iter().filter(doomed).collect();
        if stage == Stage::Jobs {
            let name = |job| Some(text(job, &["metadata", "name"])?.to_owned());
            let jobs = self.live.jobs.iter();
            doomed.extend(jobs.filter_map(|job| Some((Kind::Job, name(job)?, job))));
        }
        // Whose roots are published, that one's is the key behind them.
        if stage == Stage::Rest && doomed.iter().any(|(_, name, _)| name == AUTHORITY_BUNDLE) {
            self.delete_secret().await?;
        }
        for (kind, name, live) in doomed {
            let api = self.ctx.api(kind, &self.cluster.names.namespace);
            // What came after it under its name is another cluster's.
            let only = just_all(text(live, &["metadata", "uid"]));
            let deleted = api.delete(&name, &only).await;
            gone(deleted.map(drop), &format!("delete {}/{name}", kind.name()))?;
        }
        Ok(())
    }
}

/// Lets a `SpikeCluster` go: this very one, which ends.
pub(crate) async fn release(ctx: &Context, metadata: &ObjectMeta) -> Result<(), Error> {
    let rest: Vec<_> =
        metadata.finalizers.iter().flatten().filter(|name| *name != FINALIZER).cloned().collect();
    finalizers(ctx, metadata, &rest).await
}

/// Keeps a `SpikeCluster` until what it made is taken care of.
pub(crate) async fn hold(ctx: &Context, metadata: &ObjectMeta) -> Result<(), Error> {
    let mut all = metadata.finalizers.clone().unwrap_or_default();
    all.push(FINALIZER.to_owned());
    finalizers(ctx, metadata, &all).await
}

/// Carries the version that was read: who is late, or speaks of another, is refused.
async fn finalizers(ctx: &Context, metadata: &ObjectMeta, all: &[String]) -> Result<(), Error> {
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<SpikeCluster> = Api::namespaced(ctx.client.clone(), namespace);
    let version = &metadata.resource_version;
    let patch = json!({"metadata": {"resourceVersion": version, "finalizers": all}});
    let name = metadata.name.as_deref().unwrap_or_default();
    let patched = api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(patch)).await;
    gone(patched.map(drop), "change the finalizers")
}

/// This very object, and none that came after it.
fn just(uid: Option<&str>) -> DeleteParams {
    let only = Preconditions { uid: uid.map(ToOwned::to_owned), ..Preconditions::default() };
    DeleteParams::default().preconditions(only)
}

/// The same, and what it made: a Job's pods would stay behind otherwise.
fn just_all(uid: Option<&str>) -> DeleteParams {
    DeleteParams { preconditions: just(uid).preconditions, ..DeleteParams::background() }
}

/// What is gone needn't go.
fn gone(result: Result<(), kube::Error>, what: &str) -> Result<(), Error> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        result => result.map_err(Error::kubernetes(what)),
    }
}
