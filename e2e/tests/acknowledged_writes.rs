//! P2: an acknowledged write survives the death of the Nexus that acknowledged it.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stdout, reason = "a test may")]

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use spike_e2e::{Cluster, Options};
use tokio::time::sleep;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_nexus_loses_no_acknowledged_write() {
    let mut cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let caller = cluster.caller("superuser").await.expect("a caller");
    let url = format!("{}/v1/store/secrets", cluster.nexus_url());
    let mut acknowledged = Vec::new();
    for round in 0..3u32 {
        let writers = (0..16u32).map(|writer| {
            let (caller, url) = (caller.clone(), url.clone());
            async move {
                let mut done = Vec::new();
                for i in 0..10_000u32 {
                    let path = format!("w/{round}/{writer}/{i}");
                    let body = json!({ "path": path, "values": { "v": path } });
                    match caller.post(&url, body).await {
                        Ok(answer) if answer.status == 200 => done.push(path),
                        Ok(answer) => panic!("{answer:?}"),
                        Err(_) => break,
                    }
                }
                done
            }
        });
        let (written, ()) = tokio::join!(join_all(writers), async {
            sleep(Duration::from_millis(700)).await;
            cluster.nexus.kill().await.expect("killed");
        });
        acknowledged.extend(written.into_iter().flatten());
        cluster.nexus.start().await.expect("started");
        cluster.nexus.ready().await.expect("ready from the Keepers");
    }

    println!("{} acknowledged writes, 3 kills", acknowledged.len());
    assert!(acknowledged.len() > 100, "the load was no load: {}", acknowledged.len());
    let get = format!("{url}?action=get");
    for path in &acknowledged {
        let answer = caller.post(&get, json!({ "path": path })).await.expect("an answer");
        assert_eq!(answer.json()["data"]["v"], json!(path), "lost: {answer:?}");
    }
    let list = caller.post(&format!("{url}?action=list"), json!({})).await.expect("an answer");
    let keys = list.json()["keys"].as_array().map_or(0, Vec::len);
    assert!(keys >= acknowledged.len(), "{keys} listed of {}", acknowledged.len());
}
