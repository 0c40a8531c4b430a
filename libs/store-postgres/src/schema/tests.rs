//! The two halves of a step, with steps that no release has yet.

use spike_testbed_postgres::{Options, Server};
use sqlx::{ConnectOptions, postgres::PgConnectOptions};

use super::*;

const LATER: [Step; 3] = [
    Step { expand: include_str!("1.expand.sql"), contract: "" },
    Step {
        expand: "ALTER TABLE spike.records ADD COLUMN digest bytea",
        contract: "ALTER TABLE spike.records ALTER COLUMN digest SET NOT NULL",
    },
    Step {
        expand: "CREATE TABLE spike.notes (id integer)",
        contract: "ALTER TABLE spike.heads DROP COLUMN key",
    },
];

async fn owner(server: &Server) -> PgConnection {
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(server.port())
        .username("spike")
        .password(&Server::password("spike"))
        .database("spike");
    options.connect().await.unwrap()
}

async fn has(connection: &mut PgConnection, sql: &'static str) -> bool {
    sqlx::query(sql).execute(connection).await.is_ok()
}

const DIGEST: &str = "SELECT digest FROM spike.records";
const KEY: &str = "SELECT key FROM spike.heads";

#[tokio::test]
async fn a_later_version_expands_beside_an_earlier_one_and_contracts_when_it_is_gone() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut connection = owner(&server).await;
    let connection = &mut connection;
    let of = |present, min_reader| Status { present, min_reader, wanted: SCHEMA };

    let early = change(connection, &LATER, Half::Contract).await;
    assert!(matches!(early, Err(StoreError::Schema { found: 0, .. })), "nothing to contract");
    assert_eq!(expand(connection).await.unwrap(), of(1, 1));
    assert!(!has(connection, DIGEST).await);

    // Two versions at once: the earlier one still finds all it knows.
    assert_eq!(change(connection, &LATER, Half::Expand).await.unwrap(), of(3, 1));
    assert!(has(connection, DIGEST).await && has(connection, KEY).await);
    assert!(status(connection).await.unwrap().check().is_ok());
    assert_eq!(expand(connection).await.unwrap(), of(3, 1), "it undoes nothing");
    assert_eq!(contract(connection).await.unwrap(), of(3, 1), "nor does it end itself");

    let later = Status { wanted: 3, ..status(connection).await.unwrap() };
    assert!(later.can_contract() && !later.can_expand());
    assert_eq!(change(connection, &LATER, Half::Contract).await.unwrap(), of(3, 3));
    assert!(!has(connection, KEY).await);
    let refused = status(connection).await.unwrap().check();
    assert!(matches!(refused, Err(StoreError::Schema { found: 3, supported: 1, .. })));
    assert!(matches!(contract(connection).await, Err(StoreError::Schema { .. })));
}

#[tokio::test]
async fn two_at_once_take_turns_however_long_the_first_one_takes() {
    let server = Server::start(Options::default()).await.unwrap();
    let (mut first, mut second) = (owner(&server).await, owner(&server).await);
    sqlx::raw_sql(BEGIN).execute(&mut first).await.unwrap();
    let (turn, ()) = tokio::join!(expand(&mut second), async {
        // Longer than either waits for a table.
        tokio::time::sleep(std::time::Duration::from_secs(6)).await;
        sqlx::raw_sql("COMMIT").execute(&mut first).await.unwrap();
    });
    assert_eq!(turn.expect("its turn").present, SCHEMA);
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_of_itself_or_of_those_before_it() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut connection = owner(&server).await;
    let connection = &mut connection;
    let broken = [
        Step { expand: include_str!("1.expand.sql"), contract: "" },
        Step { expand: "CREATE TABLE spike.half (id integer); SELECT nothing", contract: "" },
    ];
    change(connection, &broken, Half::Expand).await.unwrap_err();
    let before = Status { present: 0, min_reader: 0, wanted: SCHEMA };
    assert_eq!(status(connection).await.unwrap(), before);
    expand(connection).await.expect("the connection is as good as before");
}
