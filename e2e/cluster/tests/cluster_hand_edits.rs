//! What a hand changes of what the operator wrote is put right once; what others add is theirs.

use spike_testbed_kubernetes::{Demo, EDITED, Load, Manifest, Namespace, Postgres, until};

/// Pods that bear keys are made from these: nobody but the operator changes them.
const REFUSED: [(&str, &str); 2] = [
    (
        "deployment/spike-demo-nexus",
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"nexus","image":"example.org/other:1"}]}}}}"#,
    ),
    (
        "statefulset/spike-demo-keeper",
        r#"{"spec":{"template":{"spec":{"priorityClassName":"system-node-critical"}}}}"#,
    ),
];

/// What a hand does, and which field is as before soon after.
const EDITS: [(&str, &str, &str); 3] = [
    (
        "service/spike-demo-nexus",
        r#"{"spec":{"selector":{"app.kubernetes.io/component":"keeper"}}}"#,
        "{.spec.selector}",
    ),
    (
        "poddisruptionbudget/spike-demo-keeper",
        r#"{"spec":{"maxUnavailable":3}}"#,
        "{.spec.maxUnavailable}",
    ),
    ("configmap/spike-demo-config", r#"{"data":{"SPIKE_INSTANCE":"somebody/else"}}"#, "{.data}"),
];

/// What others may write of our objects, and where it is to be found.
const THEIRS: [(&str, &str, &str, &str); 3] = [
    (
        "service/spike-demo-nexus",
        r#"{"metadata":{"annotations":{"example.org/theirs":"1"}}}"#,
        "{.metadata.annotations}",
        r#""example.org/theirs":"1""#,
    ),
    (
        "configmap/spike-demo-config",
        r#"{"metadata":{"labels":{"example.org/theirs":"1"}}}"#,
        "{.metadata.labels}",
        r#""example.org/theirs":"1""#,
    ),
    (
        "service/spike-demo-nexus",
        r#"{"spec":{"sessionAffinity":"ClientIP"}}"#,
        "{.spec.sessionAffinity}",
        "ClientIP",
    ),
];

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn hand_edits_are_put_right_once_and_what_others_add_stays() {
    let namespace = Namespace::create("edits").await.expect("created");
    Postgres::start(&namespace, None).await.expect("started");
    let demo = Demo::apply(&namespace, &Manifest::on_postgres(2)).await.expect("applied");
    demo.until_settled().await;
    let load = Load::start(&namespace, None).await.expect("started");

    for (object, patch, ..) in THEIRS {
        namespace.kubectl(&["patch", object, "-p", patch]).await.expect("a hand may");
    }
    for (object, patch) in REFUSED {
        let edit = namespace.kubectl(&["patch", object, "-p", patch]).await;
        let refused = edit.expect_err("refused").to_string();
        assert!(refused.contains("is a name of the Spike operator"), "{refused}");
    }
    for edit in EDITS {
        healed(&namespace, edit).await;
    }
    demo.until_settled().await;
    load.until_answered(100).await.expect("answered");
    let report = load.stop().await.expect("stopped");
    assert!(report.is_clean(), "{report:?}");

    for (object, _, field, theirs) in THEIRS {
        let kept = read(&namespace, object, field).await;
        assert!(kept.contains(theirs), "{object} {field}: {kept}");
    }
    // A fight would go on while one more edit is seen and put right.
    let before = demo.versions().await.expect("listed");
    let status = demo.get().await.expect("got").status;
    demo.until_looked_at().await.expect("edited");
    assert_eq!(demo.written_since(&before).await.expect("listed"), [EDITED]);
    demo.until("the status is quiet", |cluster| cluster.status == status).await;
    namespace.delete().await.expect("deleted");
}

/// Does an edit, and waits until the field is as it was.
async fn healed(namespace: &Namespace, (object, patch, field): (&str, &str, &str)) {
    let before = read(namespace, object, field).await;
    let edited = namespace.kubectl(&["patch", object, "-p", patch]).await.expect("a hand may");
    assert!(!edited.contains("no change"), "{edited}");
    until(&format!("{object} {field} is as before"), async || {
        read(namespace, object, field).await == before
    })
    .await;
}

async fn read(namespace: &Namespace, object: &str, field: &str) -> String {
    let read = ["get", object, &format!("-o=jsonpath={field}")];
    namespace.kubectl(&read).await.expect("got")
}
