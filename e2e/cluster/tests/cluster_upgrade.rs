//! Spike is upgraded as docs/install.md says: the next version is applied over the one before. The operator
//! brings a cluster that names no image along, step by step, and no request notices.
//!
//! Both versions are of the same programs: what two may differ in, and which may follow which, is decided
//! by pure functions that have tests of their own.

use spike_testbed_kubernetes::{
    Demo, IMAGE, Manifest, Namespace, PREVIOUS, Postgres, Scene, install, until,
};

/// What an upgrade makes of the new image, in this order: that many of each.
const STEPS: [(&str, usize); 4] = [
    ("Job/spike-demo-schema-", 1),
    ("Pod/spike-demo-nexus-", 2),
    ("Pod/spike-demo-keeper-", 3),
    ("Job/spike-demo-contract-", 1),
];

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn an_upgrade_brings_every_pod_along_and_no_request_fails() {
    let namespace = Namespace::create("upgrade").await.expect("created");
    Postgres::start(&namespace, None).await.expect("PostgreSQL runs");
    let manifest = Manifest::on_postgres(2);
    let demo = Demo::apply_with(PREVIOUS, &namespace, &manifest).await.expect("applied");
    let scene = Scene::around(demo, None).await.expect("it serves");
    assert_eq!(of_image(&namespace, IMAGE).await, vec![]);

    install(&namespace, IMAGE).await.expect("the next version is");
    until("all that runs is of the next version", async || {
        let old = of_image(&namespace, PREVIOUS).await;
        // Jobs of the version before are kept: they say what was done.
        !old.iter().any(|(what, _)| {
            ["nexus", "keeper", "authority"].iter().any(|part| what.contains(part))
        })
    })
    .await;
    scene.demo.until_settled().await;
    scene.demo.until_condition("RolloutComplete", "True", "UpToDate").await;
    let made = of_image(&namespace, IMAGE).await;
    let mut last = "";
    for (step, count) in STEPS {
        let mut times: Vec<_> = made.iter().filter(|(what, _)| what.starts_with(step)).collect();
        times.sort_by_key(|(_, time)| time);
        assert_eq!(times.len(), count, "{step}: {made:?}");
        let first = times.first().map_or("", |(_, time)| time);
        assert!(last <= first, "{step} before its turn: {made:?}");
        last = times.last().map_or("", |(_, time)| time);
    }
    scene.end_unnoticed("an upgrade", 2).await.expect("unnoticed");
    namespace.delete().await.expect("deleted");
}

/// The cluster's Jobs and pods that are of this image, and when they were made.
async fn of_image(namespace: &Namespace, image: &str) -> Vec<(String, String)> {
    let images = "{.spec.containers[0].image}{.spec.template.spec.containers[0].image}";
    let each = format!(
        "-o=jsonpath={{range .items[*]}}{{.kind}}/{{.metadata.name}} \
         {{.metadata.creationTimestamp}} {images}\n{{end}}"
    );
    let get = ["get", "job,pod", "-l", "spike.ist/cluster=demo", &each];
    let listed = namespace.kubectl(&get).await.expect("listed");
    let words = listed.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let these = words.filter_map(|words| match words[..] {
        [what, time, of] if of == image => Some((what.to_owned(), time.to_owned())),
        _ => None,
    });
    these.collect()
}
