//! SPIKE's own two routes, compared byte by byte with what the real Keeper of SPIKE 0.8.2 answered.

mod support;

use std::fmt::Write as _;

use reqwest::{Client, Method};
use spike_core::wire::v2::shard::PutAs;
use support::{BOOTSTRAP, Keeper, NEXUS, put};

async fn exchange(
    keeper: &Keeper,
    client: &Client,
    (method, path, body): (Method, &str, String),
) -> (u16, String) {
    let asked = client.request(method, keeper.url(path)).body(body).send().await;
    let answer = asked.expect("an answer");
    for (name, value) in [
        ("content-type", "application/json"),
        ("cache-control", "no-store, no-cache, must-revalidate, private"),
        ("pragma", "no-cache"),
        ("expires", "0"),
    ] {
        assert_eq!(answer.headers()[name], value, "{path}");
    }
    let length = answer.content_length().expect("announced");
    let (status, body) = (answer.status().as_u16(), answer.text().await.expect("a body"));
    assert_eq!(length, body.len() as u64);
    (status, body)
}

#[tokio::test]
async fn recorded_exchanges_of_spikes_keeper_are_repeated_to_the_byte() {
    let keeper = Keeper::start().await;
    let (nexus, bootstrap) = (keeper.plain(NEXUS).await, keeper.plain(BOOTSTRAP).await);
    let mut shard = "1".to_owned();
    (2..=32).for_each(|n| write!(shard, ",{n}").expect("a string"));
    let give = format!(r#"{{"shard":[{shard}]}}"#);
    let bad = (400, r#"{"err":"api_bad_request"}"#.to_owned());
    let bad_shard = (400, r#"{"shard":null,"Err":"api_bad_request"}"#.to_owned());
    let given = (200, format!(r#"{{"shard":[{shard}],"Err":""}}"#));
    let denied = (401, r#"{"shard":null,"Err":"access_unauthorized"}"#.to_owned());
    let done = (200, "{}".to_owned());

    let (shard_at, contribute) = ("/v1/store/shard", "/v1/store/contribute");
    let post = |path, body: &str| (Method::POST, path, body.to_owned());
    let zero = format!(r#"{{"shard":[{}0]}}"#, "0,".repeat(31));
    for (client, request, right) in [
        (&nexus, post(shard_at, "{}"), &bad_shard),
        (&nexus, post(contribute, &give), &done),
        (&nexus, post(shard_at, "{}"), &given),
        (&bootstrap, post(shard_at, "{}"), &denied),
        (&nexus, post(contribute, r#"{"shard":null}"#), &bad),
        (&nexus, post(contribute, &zero), &bad),
        (&nexus, post(contribute, r#"{"shard":"AQID"}"#), &bad),
        (&nexus, post(contribute, "{"), &bad),
        (&bootstrap, post(contribute, &give), &done),
        (&nexus, post("/v1/store/keep", "{}"), &bad),
        (&nexus, (Method::GET, shard_at, String::new()), &bad),
        (&nexus, post("/v1/store/shard/", "{}"), &bad),
        (&nexus, post("/v1/store/shard?action=get", "{}"), &bad),
        (&nexus, post("/v1/store/shard?action=", "{}"), &given),
        (&nexus, post("/v1/store/shard", "{"), &bad_shard),
        (&nexus, post("/", "{}"), &bad),
    ] {
        let asked = format!("{request:?}");
        assert_eq!(exchange(&keeper, client, request).await, *right, "{asked}");
    }
}

#[tokio::test]
async fn spikes_routes_are_closed_once_a_framed_set_is_held() {
    let keeper = Keeper::start().await;
    keeper.client(BOOTSTRAP).await.put(&put(1, 9, PutAs::Pending)).await.expect("put");
    let nexus = keeper.plain(NEXUS).await;
    let give = format!(r#"{{"shard":[{}1]}}"#, "1,".repeat(31));
    let asked = (Method::POST, "/v1/store/contribute", give);
    assert_eq!(exchange(&keeper, &nexus, asked).await.0, 400);
    let asked = (Method::POST, "/v1/store/shard", "{}".to_owned());
    assert_eq!(exchange(&keeper, &nexus, asked).await.0, 400);
}
