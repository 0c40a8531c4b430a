//! There are as many Keepers as shares: another number is refused where it is asked for, and put right
//! where somebody sets it by hand.

use serde_json::json;
use spike_testbed_kubernetes::{Demo, Manifest, Namespace, Person, condition};

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn keepers_are_as_many_as_shares_whoever_asks_for_another_number() {
    let namespace = Namespace::create("mismatch").await.expect("created");
    let demo = Demo::apply(&namespace, &Manifest::on_sqlite()).await.expect("applied");
    demo.until_settled().await;
    let superuser = Person::superuser(&namespace).await.expect("an administrator may");
    superuser.put("db/password", "correct horse").await.expect("put");

    let wrong = Manifest::on_sqlite().with(&json!({ "spec": { "keeper": { "replicas": 5 } } }));
    let refused = namespace.apply(&wrong.to_string()).await.expect_err("refused").to_string();
    let reason = "spec.keeper.replicas (5) must equal spec.shamir.shares (3): \
                  remove spec.keeper.replicas or change both together";
    assert!(refused.contains(reason), "{refused}");

    for replicas in [5, 2] {
        scaled_by_hand(&namespace, &demo, replicas).await;
    }
    assert_eq!(superuser.get("db/password").await.expect("got"), "correct horse");
    namespace.delete().await.expect("deleted");
}

async fn scaled_by_hand(namespace: &Namespace, demo: &Demo<'_>, replicas: u8) {
    let before = demo.get().await.expect("got");
    let scale = format!("--replicas={replicas}");
    let scale = ["scale", "statefulset/spike-demo-keeper", &scale];
    namespace.kubectl(&scale).await.expect("a hand may");
    let three = async || {
        let wanted = ["get", "statefulset/spike-demo-keeper", "-o=jsonpath={.spec.replicas}"];
        namespace.kubectl(&wanted).await.is_ok_and(|wanted| wanted == "3")
    };
    spike_testbed_kubernetes::until("the StatefulSet has three replicas again", three).await;
    demo.until("all shards are held", |cluster| {
        cluster.status.as_ref().and_then(|status| status.shards.as_deref()) == Some("3/3")
    })
    .await;
    demo.until_settled().await;

    let said = demo.since(&before).await.expect("watched");
    let told = said.iter().filter_map(|cluster| condition(cluster, "ShamirConsistent"));
    let told = told.filter(|shamir| shamir.status == "False").collect::<Vec<_>>();
    let wanted = format!("{replicas} Keepers are wanted by the StatefulSet, 3 by the shares");
    assert!(told.iter().any(|shamir| shamir.message == wanted), "{told:?}");
    let each = "-o=jsonpath={range .items[*]}{.type} {.reason}: {.message}\n{end}";
    let events = namespace.kubectl(&["get", "events", each]).await.expect("listed");
    assert!(events.contains("Warning KeepersScaled: somebody "), "{events}");
}
