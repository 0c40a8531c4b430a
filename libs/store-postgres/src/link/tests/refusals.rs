//! Each way in that is barred, and what is said about it.

use super::*;

async fn refused(options: Options) -> StoreError {
    let error = Link::open(options).await.expect_err("refused");
    assert!(!format!("{error}{error:?}").contains("hunter2"), "{error:?}");
    error
}

/// Another database of the same server.
fn database(server: &Server, name: &str) -> Options {
    let url = server.url("spike");
    with(server, &format!("{}/{name}", url.strip_suffix("/spike").expect("its database")))
}

/// Refused for now, with a text that holds all of these.
async fn waits(options: Options, texts: &[&str]) {
    match refused(options).await {
        StoreError::Unavailable { reason, retryable: true, .. } => {
            for text in texts {
                assert!(reason.contains(text), "{text} in {reason}");
            }
        }
        other => panic!("{other:?}"),
    }
}

/// Refused for good.
async fn ends(options: Options, text: &str) {
    match refused(options).await {
        StoreError::Unusable(reason) => assert!(reason.contains(text), "{text} in {reason}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why_and_what_to_mend() {
    let server = server().await;
    let port = server.port().to_string();
    let wrong = with(&server, &server.url_with("spike", "wrong-hunter2"));
    waits(wrong, &["localhost", &port, "28P01", "SPIKE_NEXUS_STORE_PASSWORD_FILE"]).await;
    let nobody = with(&server, &server.url_with("nobody", "hunter2"));
    waits(nobody, &["28P01", "SPIKE_NEXUS_STORE_URL"]).await;
    let none = with(&server, &format!("postgres://spike@localhost:{port}/spike"));
    waits(none.clone(), &["none was given", "SPIKE_NEXUS_STORE_PASSWORD_FILE"]).await;
    let empty = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(empty.path(), "\n").expect("written");
    waits(none.password_file(empty.path().to_owned()), &["PASSWORD_FILE is empty"]).await;
    waits(database(&server, "other"), &["3D000", "no such database"]).await;

    server.execute("ALTER ROLE spike CONNECTION LIMIT 0").await.unwrap();
    waits(options(&server), &["53300", "connections"]).await;
    server.execute("ALTER ROLE spike CONNECTION LIMIT -1 NOLOGIN").await.unwrap();
    waits(options(&server), &["28000"]).await;
    server.execute("ALTER ROLE spike LOGIN").await.unwrap();

    server.add_role("guest").await.unwrap();
    server.execute("REVOKE CONNECT ON DATABASE spike FROM PUBLIC").await.unwrap();
    let guest = refused(with(&server, &server.url("guest"))).await;
    assert!(guest.to_string().contains("--grant"), "{guest}");
    Link::open(options(&server)).await.expect("its owner comes in");
}

#[tokio::test]
async fn only_the_server_that_was_meant_is_trusted() {
    let server = server().await;
    let url = server.url("spike");
    let without = Options::parse(&url).expect("right");
    waits(without.clone(), &["no trusted authority", "SPIKE_NEXUS_STORE_CA_FILE"]).await;
    for weaker in ["verify-ca", "require", "disable"] {
        let url = format!("{url}?sslmode={weaker}");
        Link::open(with(&server, &url)).await.expect(weaker);
    }
    let nothing = std::env::temp_dir().join("no/such/file");
    waits(without.clone().ca_file(nothing), &["SPIKE_NEXUS_STORE_CA_FILE can't be read"]).await;
    let garbage = tempfile::NamedTempFile::new().unwrap();
    waits(without.clone().ca_file(garbage.path().into()), &["no PEM certificate"]).await;

    server.secure(&["db.example"]).unwrap();
    server.reload().await.unwrap();
    waits(options(&server), &["another name", "verify-ca"]).await;
    let named = format!("{url}?sslmode=verify-ca");
    Link::open(with(&server, &named)).await.expect("of that authority");

    server.set("ssl", "off").await.unwrap();
    waits(options(&server), &["doesn't encrypt", "sslmode=disable"]).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_waited_for() {
    let mut server = server().await;
    let there = options(&server);
    server.stop().await.unwrap();
    waits(there.clone(), &["nothing listens there"]).await;
    let nowhere = server.url("spike").replace("localhost", "no-such-host.invalid");
    waits(with(&server, &nowhere), &["can't be found"]).await;
    server.start_again().await.unwrap();
    server.pause().unwrap();
    waits(there, &["no answer within"]).await;
    server.resume().unwrap();
}

#[tokio::test]
async fn a_database_that_can_not_be_ours_ends_the_wait() {
    let server = server().await;
    let latin = "CREATE DATABASE latin OWNER spike TEMPLATE template0 ENCODING 'LATIN1' \
                 LOCALE_PROVIDER libc LOCALE 'C'";
    server.execute(latin).await.unwrap();
    ends(database(&server, "latin"), "encoding").await;
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_not_the_store() {
    let primary = server().await;
    let replication = spike_testbed_postgres::Replication::Asynchronous;
    let standby = primary.standby(replication).await.expect("a standby");
    waits(options(&standby), &["it is a standby"]).await;
    primary.execute("ALTER ROLE spike SET default_transaction_read_only = on").await.unwrap();
    waits(options(&primary), &["takes no writes"]).await;
}

#[tokio::test]
async fn a_pooler_between_us_and_the_server_is_refused() {
    use spike_testbed_postgres::Pooler;

    let server = server().await;
    if !Pooler::is_installed() {
        println!("skipped: PgBouncer isn't installed");
        return;
    }
    for (mode, drops_settings) in [("transaction", false), ("transaction", true), ("session", true)]
    {
        let pooler = Pooler::start(&server, mode, drops_settings).await.expect("started");
        let url = format!("{}?sslmode=disable", pooler.url("spike"));
        match refused(Options::parse(&url).expect("right")).await {
            StoreError::Unusable(text) | StoreError::Unavailable { reason: text, .. } => {
                assert!(text.contains("pooler (PgBouncer"), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
}
