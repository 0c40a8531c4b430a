//! The operator has the rights that it needs and no more, and nobody borrows an account that leads to a
//! key: as a real API server decides.

#[allow(dead_code, reason = "each test uses its part")]
#[path = "common/server.rs"]
mod server;

use std::fs;

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
        batch::v1::{CronJob, Job},
        core::v1::{ConfigMap, Pod, ReplicationController, Secret, ServiceAccount},
        rbac::v1::{Role, RoleBinding},
    },
};
use kube::{
    Api, Client, Error, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, from_value, json};
use server::Server;
use spike_crds::SpikeCluster;
use spike_testbed_kubernetes::until;

/// The operator's namespace.
const HOME: &str = "spike-system";

/// Creates, or says how it was refused.
async fn create<K>(client: &Client, namespace: &str, object: Value) -> Result<K, String>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Serialize
        + DeserializeOwned
        + std::fmt::Debug,
{
    let object = from_value(object).expect("of this kind");
    let made = Api::<K>::namespaced(client.clone(), namespace);
    made.create(&PostParams { dry_run: true, field_manager: None }, &object)
        .await
        .map_err(forbidden)
}

/// What was said with a 403.
fn forbidden(error: Error) -> String {
    match error {
        Error::Api(status) if status.code == 403 => status.message,
        other => format!("not forbidden, but {other}"),
    }
}

fn pod(account: &str) -> Value {
    json!({ "metadata": { "name": "borrower" }, "spec": pod_spec(account) })
}

fn pod_spec(account: &str) -> Value {
    json!({ "serviceAccountName": account, "containers": [{ "name": "sh", "image": "sh" }] })
}

fn template(account: &str) -> Value {
    json!({ "metadata": { "labels": { "app": "borrower" } }, "spec": pod_spec(account) })
}

/// A Deployment, or what else is written like one.
fn workload(account: &str) -> Value {
    json!({
        "metadata": { "name": "borrower" },
        "spec": {
            "serviceName": "borrower",
            "selector": { "matchLabels": { "app": "borrower" } },
            "template": template(account),
        },
    })
}

fn replication(account: &str) -> Value {
    json!({
        "metadata": { "name": "borrower" },
        "spec": { "selector": { "app": "borrower" }, "template": template(account) },
    })
}

/// What a Job does.
fn work(account: &str) -> Value {
    let containers = json!([{ "name": "sh", "image": "sh" }]);
    json!({ "template": { "spec": {
        "serviceAccountName": account, "containers": containers, "restartPolicy": "Never",
    }}})
}

fn job(account: &str) -> Value {
    json!({ "metadata": { "name": "borrower" }, "spec": work(account) })
}

fn cron_job(account: &str) -> Value {
    let every_minute = json!({ "schedule": "* * * * *", "jobTemplate": { "spec": work(account) } });
    json!({ "metadata": { "name": "borrower" }, "spec": every_minute })
}

fn binding(role: &str, subject: &Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": { "name": role },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
        "subjects": [subject],
    })
}

/// Who asks, with the rights that RBAC gives them in the server's namespace.
async fn user(server: &Server, name: &str, role: &str) -> Client {
    let subject = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name });
    let bindings = Api::<RoleBinding>::namespaced(server.client.clone(), &server.namespace);
    let binding = from_value(binding(role, &subject)).expect("a RoleBinding");
    bindings.create(&PostParams::default(), &binding).await.expect("bound");
    server.client_as(name, &["system:authenticated"])
}

fn operator(server: &Server) -> Client {
    let groups = [
        "system:serviceaccounts",
        &format!("system:serviceaccounts:{HOME}"),
        "system:authenticated",
    ];
    server.client_as(&format!("system:serviceaccount:{HOME}:spike-operator"), &groups)
}

/// A token of an account, or how it was refused.
async fn token(client: &Client, namespace: &str, account: &str) -> Result<(), String> {
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
    let wanted = from_value(json!({ "metadata": {}, "spec": { "audiences": ["spike.ist/a/b"] } }));
    let wanted = wanted.expect("a TokenRequest");
    let answer = accounts.create_token_request(account, &PostParams::default(), &wanted).await;
    answer.map(drop).map_err(forbidden)
}

/// What is said to someone who would run a program in a pod, or listen to the one that runs.
async fn enter(client: &Client, namespace: &str, pod: &str, way: &str) -> String {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/{way}?command=id&stdout=true");
    let request = http::Request::post(path).body(Vec::new()).expect("a request");
    forbidden(client.request_text(request).await.expect_err("nothing runs here"))
}

/// What becomes of a port of a pod that isn't there, by the method that opens the way.
async fn forward(client: &Client, namespace: &str, method: &str) -> String {
    let path =
        format!("/api/v1/namespaces/{namespace}/pods/spike-a-nexus-0/portforward?ports=8553");
    let request = http::Request::builder().method(method).uri(path).body(Vec::new());
    let answer = client.request_text(request.expect("a request")).await;
    forbidden(answer.expect_err("nothing runs here"))
}

#[tokio::test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
async fn each_role_of_people_has_all_the_way_of_kubectl_spike_and_reads_nothing_else() {
    let server = Server::start("people").await;
    server.install_everything();
    let namespace = &server.namespace;
    for (name, role) in [("alice", "spike-superuser"), ("bob", "spike-custodian")] {
        let person = user(&server, name, role).await;
        let clusters = Api::<SpikeCluster>::namespaced(person.clone(), namespace);
        until("the role is bound", async || clusters.list(&ListParams::default()).await.is_ok())
            .await;
        let pods = Api::<Pod>::namespaced(person.clone(), namespace);
        pods.list(&ListParams::default()).await.expect(role);
        // kubectl's own way is a POST, a WebSocket's a GET.
        for method in ["GET", "POST"] {
            let told = forward(&person, namespace, method).await;
            assert!(told.starts_with("not forbidden"), "{role} {method}: {told}");
        }
        let maps = Api::<ConfigMap>::namespaced(person.clone(), namespace);
        assert!(maps.get_opt("spike-authority-bundle").await.expect(role).is_none());
        assert!(forbidden(maps.get("any").await.expect_err(role)).contains("forbidden"));
        let secrets = Api::<Secret>::namespaced(person, namespace);
        assert!(forbidden(secrets.get("any").await.expect_err(role)).contains("forbidden"));
    }
    server.stop().await;
}

#[tokio::test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
async fn the_operator_reads_no_secret_and_binds_two_roles() {
    let server = Server::start("rights").await;
    server.install_everything();
    let (client, namespace) = (operator(&server), &server.namespace);

    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    for refused in
        [secrets.get("any").await.map(drop), secrets.list(&ListParams::default()).await.map(drop)]
    {
        assert!(forbidden(refused.expect_err("refused")).contains("forbidden"));
    }
    let secret = json!({ "metadata": { "name": "spike-authority-ca" } });
    create::<Secret>(&client, namespace, secret).await.expect("it makes one, empty");
    let only = DeleteParams::default();
    let deleted = async |name| forbidden(secrets.delete(name, &only).await.expect_err("not there"));
    let its_own = deleted("spike-authority-ca").await;
    assert!(its_own.starts_with("not forbidden"), "it goes with its cluster: {its_own}");
    let another = deleted("any").await;
    assert!(!another.starts_with("not forbidden") && another.contains("forbidden"), "{another}");

    let account =
        json!({ "kind": "ServiceAccount", "name": "spike-a-authority", "namespace": namespace });
    for role in ["spike-authority", "spike-authority-reviewer"] {
        let bound = create::<RoleBinding>(&client, namespace, binding(role, &account)).await;
        bound.expect(role);
    }
    for role in ["edit", "cluster-admin", "spike-superuser"] {
        let bound = create::<RoleBinding>(&client, namespace, binding(role, &account)).await;
        let refused = bound.expect_err(role);
        assert!(refused.contains("attempting to grant RBAC permissions"), "{refused}");
    }
    token(&client, HOME, "spike-operator").await.expect("of its own account");
    token(&client, HOME, "default").await.expect_err("of no other");
    server.stop().await;
}

fn json(yaml: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(yaml);
    documents.map(|one| Value::deserialize(one).expect("YAML")).collect()
}

/// As JSON: kubectl reads the YAML of yesterday, in which `yes` isn't a text.
fn texts(objects: &[Value]) -> String {
    objects.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n---\n")
}

#[tokio::test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
async fn all_that_a_cluster_is_made_of_is_within_the_operators_rights() {
    let server = Server::start("made").await;
    server.install_everything();
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign.yaml");
    server.kubectl(&["apply", "--server-side", "-f", tests]);
    // Whatever pod isn't of the strictest profile is warned of, and kubectl must warn of nothing.
    let strict = "pod-security.kubernetes.io/warn=restricted";
    server.kubectl(&["label", "namespace", &server.namespace, strict]);
    let as_operator = [
        "--as=system:serviceaccount:spike-system:spike-operator",
        "--as-group=system:serviceaccounts",
        "--as-group=system:authenticated",
        "--dry-run=server",
        "-f",
        "-",
    ];
    // Jobs are made once; everything else is applied again and again.
    let (apply, create) = (["apply", "--server-side"].as_slice(), ["create"].as_slice());
    let (apply, create) = ([apply, &as_operator].concat(), [create, &as_operator].concat());
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../operator/golden");
    let files = fs::read_dir(golden).expect("what the operator makes");
    let files = files.map(|entry| entry.expect("readable").path());
    let objects: Vec<_> = files.filter(|path| path.extension() == Some("yaml".as_ref())).collect();
    assert!(objects.len() > 3, "{objects:?}");
    for path in objects {
        let text = fs::read_to_string(&path).expect("readable");
        let here = format!("namespace: {}\n", server.namespace);
        let objects = json(&text.replace("namespace: team\n", &here));
        let (jobs, others): (Vec<_>, Vec<_>) =
            objects.into_iter().partition(|object| object["kind"] == "Job");
        server.kubectl_with(&apply, &texts(&others));
        if !jobs.is_empty() {
            server.kubectl_with(&create, &texts(&jobs));
        }
    }
    server.stop().await;
}

#[tokio::test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
async fn an_editor_borrows_no_account_that_leads_to_a_key() {
    let server = Server::start("admission").await;
    server.install_everything();
    let namespace = &server.namespace;
    let accounts = ["nexus", "keeper", "bootstrap", "authority", "superuser", "recover", "restore"];
    for role in accounts {
        server.kubectl(&["-n", namespace, "create", "serviceaccount", &format!("spike-a-{role}")]);
    }
    let editor = user(&server, "editor", "edit").await;
    let refused = async || create::<Pod>(&editor, namespace, pod("spike-a-nexus")).await.is_err();
    until("the policies are heard", refused).await;

    for role in ["nexus", "keeper", "bootstrap", "authority"] {
        let account = format!("spike-a-{role}");
        let told = "it is a key-bearing identity and can not be borrowed";
        let refused = create::<Pod>(&editor, namespace, pod(&account)).await.expect_err(role);
        assert!(refused.contains(told), "{refused}");
        let refused = create::<Deployment>(&editor, namespace, workload(&account)).await;
        assert!(refused.expect_err(role).contains(told));
        let refused = token(&editor, namespace, &account).await.expect_err(role);
        assert!(refused.contains(told), "{refused}");
    }
    for role in ["superuser", "recover", "restore"] {
        let refused = token(&editor, namespace, &format!("spike-a-{role}")).await.expect_err(role);
        let told = format!("needs the right to create spikeclusters/{role} in this namespace");
        assert!(refused.contains(&told), "{refused}");
    }
    for way in ["exec", "attach"] {
        let refused = enter(&editor, namespace, "spike-a-keeper-0", way).await;
        assert!(refused.contains("needs the right to create spikeclusters/exec"), "{refused}");
    }

    // What isn't ours is left alone, and so is who may.
    create::<Pod>(&editor, namespace, pod("default")).await.expect("an editor's own pod");
    token(&editor, namespace, "default").await.expect("an editor's own token");
    for way in ["exec", "attach"] {
        assert!(enter(&editor, namespace, "web-0", way).await.starts_with("not forbidden"));
    }
    let superuser = user(&server, "alice", "spike-superuser").await;
    token(&superuser, namespace, "spike-a-superuser").await.expect("alice may");
    token(&superuser, namespace, "spike-a-restore").await.expect_err("but isn't a custodian");
    let custodian = user(&server, "bob", "spike-custodian").await;
    token(&custodian, namespace, "spike-a-restore").await.expect("bob is");
    let wanted = workload("spike-a-nexus");
    create::<Deployment>(&operator(&server), namespace, wanted).await.expect("the operator's own");
    server.stop().await;
}

/// What is said to someone who would change an object.
async fn change<K>(client: &Client, namespace: &str, name: &str, patch: Value) -> Result<(), String>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let patch = Patch::Strategic(patch);
    let objects = Api::<K>::namespaced(client.clone(), namespace);
    objects.patch(name, &PatchParams::default(), &patch).await.map(drop).map_err(forbidden)
}

/// A container in a pod that runs already, as `kubectl debug` adds one.
async fn debug(client: &Client, namespace: &str, pod: &str) -> Result<(), String> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let added = json!({ "spec": { "ephemeralContainers": [{ "name": "look", "image": "sh" }] } });
    let (params, patch) = (PatchParams::default(), Patch::Strategic(added));
    let answer = pods.patch_ephemeral_containers(pod, &params, &patch).await;
    answer.map(drop).map_err(forbidden)
}

#[tokio::test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
async fn an_editor_borrows_no_pod_and_no_account_by_whatever_makes_pods() {
    let server = Server::start("borrowers").await;
    server.install_everything();
    let namespace = &server.namespace;
    for account in ["spike-a-keeper", "web"] {
        server.kubectl(&["-n", namespace, "create", "serviceaccount", account]);
    }
    let editor = user(&server, "editor", "edit").await;
    let refused = async || create::<Pod>(&editor, namespace, pod("spike-a-keeper")).await.is_err();
    until("the policies are heard", refused).await;
    // More than `edit` gives: what a debugger of the namespace has besides.
    let debugger = json!({
        "metadata": { "name": "debugger" },
        "rules": [{
            "apiGroups": [""], "resources": ["pods/ephemeralcontainers"], "verbs": ["patch"],
        }],
    });
    let roles = Api::<Role>::namespaced(server.client.clone(), namespace);
    let debugger = from_value(debugger).expect("a Role");
    roles.create(&PostParams::default(), &debugger).await.expect("made");
    let bind = ["create", "rolebinding", "debugger", "--role=debugger", "--user=editor"];
    server.kubectl(&[&["-n", namespace], &bind[..]].concat());
    // As Kubernetes's own controllers make them.
    let machinery = server.client_as("system:kube-controller-manager", &["system:masters"]);
    let pods = Api::<Pod>::namespaced(machinery, namespace);
    for (name, account) in [("spike-a-keeper-0", "spike-a-keeper"), ("web-0", "web")] {
        let mut pod = pod(account);
        pod["metadata"]["name"] = json!(name);
        pods.create(&PostParams::default(), &from_value(pod).expect("a Pod")).await.expect(name);
    }

    let told = "it is a key-bearing identity and can not be borrowed";
    for account in ["spike-a-keeper", "web"] {
        let answers = [
            create::<StatefulSet>(&editor, namespace, workload(account)).await.map(drop),
            create::<DaemonSet>(&editor, namespace, workload(account)).await.map(drop),
            create::<ReplicaSet>(&editor, namespace, workload(account)).await.map(drop),
            create::<ReplicationController>(&editor, namespace, replication(account))
                .await
                .map(drop),
            create::<Job>(&editor, namespace, job(account)).await.map(drop),
            create::<CronJob>(&editor, namespace, cron_job(account)).await.map(drop),
        ];
        for answer in answers {
            match account {
                "web" => answer.expect("an editor's own"),
                _ => assert!(answer.expect_err("borrowed").contains(told)),
            }
        }
    }

    // Neither does what is there become a borrower.
    let deployments = Api::<Deployment>::namespaced(editor.clone(), namespace);
    let own = from_value(workload("web")).expect("a Deployment");
    deployments.create(&PostParams::default(), &own).await.expect("an editor's own");
    let borrow = json!({ "spec": { "template": { "spec": {
        "serviceAccountName": "spike-a-keeper", "serviceAccount": "spike-a-keeper",
    }}}});
    let refused = change::<Deployment>(&editor, namespace, "borrower", borrow).await;
    assert!(refused.as_ref().is_err_and(|why| why.contains(told)), "{refused:?}");
    let image = json!({ "spec": { "containers": [{ "name": "sh", "image": "other" }] } });
    let label = json!({ "metadata": { "labels": { "app": "borrower" } } });
    for patch in [image, label] {
        let refused = change::<Pod>(&editor, namespace, "spike-a-keeper-0", patch.clone()).await;
        assert!(refused.as_ref().is_err_and(|why| why.contains(told)), "{refused:?}");
        change::<Pod>(&editor, namespace, "web-0", patch).await.expect("an editor's own");
    }
    until("a debugger may", async || debug(&editor, namespace, "web-0").await.is_ok()).await;
    let refused = debug(&editor, namespace, "spike-a-keeper-0").await;
    assert!(refused.as_ref().is_err_and(|why| why.contains(told)), "{refused:?}");
    server.stop().await;
}

#[tokio::test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
async fn an_editor_adds_nothing_to_what_will_have_such_an_account() {
    let server = Server::start("beside").await;
    server.install_everything();
    let namespace = &server.namespace;
    let editor = user(&server, "editor", "edit").await;
    let named = |name: &str, account: &str| {
        let mut workload = workload(account);
        workload["metadata"]["name"] = name.into();
        workload
    };
    let told = "is a name of the Spike operator";
    for name in ["spike-a-nexus", "spike-a-keeper", "spike-a-authority"] {
        let made = async || create::<Deployment>(&editor, namespace, named(name, "default")).await;
        until("the policies are heard", async || made().await.is_err()).await;
        let refused = made().await.expect_err(name);
        assert!(refused.contains(told), "{refused}");
    }
    let deployments = Api::<Deployment>::namespaced(operator(&server), namespace);
    let ours = from_value(named("spike-a-nexus", "spike-a-nexus")).expect("a Deployment");
    deployments.create(&PostParams::default(), &ours).await.expect("the operator's own");
    let robbed = json!({"spec": {"template": {"spec": {
        "serviceAccountName": null,
        "serviceAccount": null,
        "containers": [{ "name": "beside", "image": "sh" }],
    }}}});
    let refused = change::<Deployment>(&editor, namespace, "spike-a-nexus", robbed).await;
    assert!(refused.as_ref().is_err_and(|why| why.contains(told)), "{refused:?}");
    create::<Deployment>(&editor, namespace, named("nexus", "default")).await.expect("an own name");
    server.stop().await;
}

#[tokio::test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
async fn an_editor_writes_no_roots_and_no_file_of_a_custodian() {
    let server = Server::start("roots").await;
    server.install_everything();
    let namespace = &server.namespace;
    let editor = user(&server, "editor", "edit").await;
    let named = |name: &str| json!({ "metadata": { "name": name } });
    let authority = "system:serviceaccount:authors:spike-a-authority";
    let authority = authority.replace("authors", namespace);
    let groups = ["system:serviceaccounts", "system:authenticated", "system:masters"];
    let stranger = "system:serviceaccount:elsewhere:spike-a-authority";
    let stranger = user(&server, stranger, "admin").await;
    let told = "needs the right to create spikeclusters/exec in this namespace";
    for name in ["spike-authority-bundle", "spike-a-escrow"] {
        for person in [&editor, &stranger] {
            let made = async || create::<ConfigMap>(person, namespace, named(name)).await;
            until("the policies are heard", async || made().await.is_err()).await;
            let refused = made().await.expect_err(name);
            assert!(refused.contains(told), "{refused}");
        }
        create::<ConfigMap>(&operator(&server), namespace, named(name)).await.expect(name);
        create::<ConfigMap>(&server.client, namespace, named(name)).await.expect("who may all");
    }
    let refused = create::<Secret>(&editor, namespace, named("spike-authority-ca")).await;
    assert!(refused.is_err_and(|why| why.contains(told)));
    let authority = server.client_as(&authority, &groups);
    let bundle = named("spike-authority-bundle");
    create::<ConfigMap>(&authority, namespace, bundle).await.expect("the authority's own");

    // What isn't ours is left alone, also what has no name yet.
    create::<ConfigMap>(&editor, namespace, named("web-escrow")).await.expect("an editor's own");
    create::<Secret>(&editor, namespace, named("spike-login")).await.expect("an editor's own");
    let unnamed = json!({ "metadata": { "generateName": "web-" } });
    create::<ConfigMap>(&editor, namespace, unnamed).await.expect("an editor's own");
    let mut unnamed = workload("default");
    unnamed["metadata"] = json!({ "generateName": "web-" });
    create::<Deployment>(&editor, namespace, unnamed).await.expect("an editor's own");
    server.stop().await;
}
