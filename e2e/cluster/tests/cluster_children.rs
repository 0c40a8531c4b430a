//! Whatever somebody deletes of a cluster is made again, and nothing that it keeps is lost: not a shard as
//! long as its pod is left alone, and not a secret whatever goes.

use std::collections::BTreeMap;

use spike_testbed_kubernetes::{Demo, Manifest, Namespace, Person, Postgres, Scene, until};

const KEEPERS: &str = "StatefulSet/spike-demo-keeper";

const SECRET: &str = "Secret/spike-authority-ca";

/// Those that pods go with: deleted one after the other.
const WORKLOADS: [&str; 3] =
    ["Deployment/spike-demo-nexus", KEEPERS, "Deployment/spike-demo-authority"];

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn each_child_that_is_deleted_is_made_again() {
    let namespace = Namespace::create("children").await.expect("created");
    Postgres::start(&namespace, None).await.expect("started");
    let scene = Scene::begin(&namespace, &Manifest::on_postgres(2), None).await.expect("it serves");
    let superuser = Person::superuser(&namespace).await.expect("an administrator may");
    superuser.put("db/password", "correct horse").await.expect("put");

    // Without a StatefulSet Keepers are orphans, and keep their shards: the new one takes them over.
    let keepers = uids(&scene.demo, |name| name.starts_with("Pod/spike-demo-keeper-")).await;
    let set = uids(&scene.demo, |name| name == KEEPERS).await;
    assert_eq!((keepers.len(), set.len()), (3, 1));
    delete(&namespace, &["--cascade=orphan"], &set).await;
    until_made_again(&scene.demo, &set).await;
    scene.demo.until_settled().await;
    let now = uids(&scene.demo, |name| name.starts_with("Pod/spike-demo-keeper-")).await;
    assert_eq!(now, keepers, "no Keeper was made anew");

    // The authority's key, which its operator may not look for: no identity is lost with it.
    let roots = ["get", &SECRET.to_lowercase(), "-o=jsonpath={.data}"];
    let before = namespace.kubectl(&roots).await.expect("an administrator may");
    let secret = uids(&scene.demo, |name| name == SECRET).await;
    delete(&namespace, &["--wait=false"], &secret).await;
    until_made_again(&scene.demo, &secret).await;
    until("its roots are put back", async || {
        namespace.kubectl(&roots).await.is_ok_and(|now| now == before)
    })
    .await;

    // All at once: accounts and what gives them rights, Services, policies, settings.
    let others = uids(&scene.demo, |name| {
        !name.starts_with("Pod/") && name != SECRET && !WORKLOADS.contains(&name)
    })
    .await;
    assert!(others.len() > 20, "{others:?}");
    delete(&namespace, &["--wait=false"], &others).await;
    until_made_again(&scene.demo, &others).await;
    serves(&scene, &namespace).await;

    for workload in WORKLOADS {
        let workload = uids(&scene.demo, |name| name == workload).await;
        delete(&namespace, &["--wait=false"], &workload).await;
        until_made_again(&scene.demo, &workload).await;
        serves(&scene, &namespace).await;
    }
    assert_eq!(superuser.get("db/password").await.expect("got"), "correct horse");
    scene.end("every child deleted").await.expect("no promise was broken");
    namespace.delete().await.expect("deleted");
}

/// Everything is as it was: all shards are held, clients are answered, and a person gets in.
async fn serves(scene: &Scene<'_>, namespace: &Namespace) {
    scene.demo.until_settled().await;
    scene
        .demo
        .until("all shards are held", |cluster| {
            cluster.status.as_ref().and_then(|status| status.shards.as_deref()) == Some("3/3")
        })
        .await;
    scene.load().until_answered(50).await.expect("answered");
    until("an SVID is issued", async || {
        let superuser = Person::superuser(namespace).await;
        match superuser {
            Ok(superuser) => superuser.put("db/proof", "again").await.is_ok(),
            Err(_) => false,
        }
    })
    .await;
}

/// The children that are meant, each with its uid.
async fn uids(demo: &Demo<'_>, meant: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    let all = demo.children("{.metadata.uid}").await.expect("listed");
    all.into_iter().filter(|(name, _)| meant(name)).collect()
}

async fn delete(namespace: &Namespace, how: &[&str], doomed: &BTreeMap<String, String>) {
    let names = doomed.keys().map(String::as_str);
    let delete = ["delete"].into_iter().chain(how.iter().copied()).chain(names);
    namespace.kubectl(&delete.collect::<Vec<_>>()).await.expect("a hand may");
}

/// Waits until each is there again, and is another one.
async fn until_made_again(demo: &Demo<'_>, deleted: &BTreeMap<String, String>) {
    until("what was deleted is there again", async || {
        let now = demo.children("{.metadata.uid}").await.unwrap_or_default();
        deleted.iter().all(|(name, uid)| now.get(name).is_some_and(|new| new != uid))
    })
    .await;
}
