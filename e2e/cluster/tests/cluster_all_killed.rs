//! Every node loses its power. Nothing that was in memory is left: the cluster says so, and which
//! command helps; custodians run it, and every secret is there again.

use std::path::Path;

use spike_testbed_kubernetes::{
    Demo, Manifest, Namespace, Person, condition, kill_node, pods::nodes, start_node,
};
use tokio::time::Instant;

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn after_a_power_cut_everywhere_recovery_shards_bring_everything_back() {
    let namespace = Namespace::create("all-killed").await.expect("created");
    let demo = Demo::apply(&namespace, &Manifest::on_sqlite()).await.expect("applied");
    demo.until_settled().await;
    let superuser = Person::superuser(&namespace).await.expect("an administrator may");
    superuser.put("db/password", "correct horse").await.expect("put");
    let folder = tempfile::tempdir().expect("a folder");
    let recover = Person::with_role(&namespace, "recover").await.expect("an administrator may");
    recover.must(&["operator", "recover", "--dir", text(folder.path())]).await.expect("taken out");
    demo.until_condition("RecoveryEscrowed", "True", "GivenOut").await;

    let nodes = nodes(&namespace).await.expect("listed");
    for node in &nodes {
        kill_node(node).await.expect("killed");
    }
    let since = Instant::now();
    for node in &nodes {
        start_node(node).await.expect("started");
    }
    demo.until_condition("Stalled", "True", "RecoveryRequired").await;
    eprintln!("it is said after {:.1?}", since.elapsed());
    let cluster = demo.get().await.expect("it is there");
    let of = |kind| condition(&cluster, kind).expect("told");
    assert_eq!(
        (of("Ready").status.as_str(), of("Bootstrapped").status.as_str()),
        ("False", "True")
    );
    let message = &of("Stalled").message;
    assert!(message.contains("`kubectl spike restore`"), "{message}");

    let since = Instant::now();
    let shards =
        ["spike.recovery.1.txt", "spike.recovery.3.txt"].map(|file| folder.path().join(file));
    let [one, other] = &shards;
    let restore = ["restore", "--cluster", "demo", text(one), text(other)];
    let restored = namespace.spike(&restore).await.expect("runs");
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    demo.until_settled().await;
    eprintln!("all is well {:.1?} after the command", since.elapsed());
    assert_eq!(superuser.get("db/password").await.expect("got"), "correct horse");
    namespace.delete().await.expect("deleted");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
