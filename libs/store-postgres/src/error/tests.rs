//! Every SQLSTATE that means something to us, raised by a real server where it can be.

use spike_testbed_postgres::{Options, Server};
use sqlx::{
    AssertSqlSafe, ConnectOptions, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};

use super::*;

#[test]
fn every_class_that_asks_for_a_setting_names_its_variable() {
    for class in [
        Class::Password,
        Class::NotAdmitted,
        Class::NoDatabase,
        Class::Pooler,
        Class::Crowded,
        Class::Untrusted,
        Class::WrongName,
        Class::NoHost,
    ] {
        assert!(class.text().contains("SPIKE_NEXUS_STORE_"), "{class:?}: {}", class.text());
    }
    assert!(Class::NoTls.text().contains("sslmode"));
    assert!(Class::NoSchema.text().contains("nexus store schema expand"));
    assert!(Class::NoPermission.text().contains("--grant"));
}

#[test]
fn what_a_connection_ends_with_is_lost_and_may_have_happened() {
    for error in [
        sqlx::Error::Io(io::ErrorKind::UnexpectedEof.into()),
        sqlx::Error::Io(io::ErrorKind::ConnectionReset.into()),
        sqlx::Error::Protocol("nonsense".into()),
    ] {
        assert_eq!(Class::of(&error), Class::Lost);
        assert!(!is_survived(&error));
        assert!(matches!(commit_failed(error), StoreError::Ambiguous { .. }));
    }
}

/// SQLSTATE, its class, whether waiting helps, whether the connection goes on.
const STATES: [(&str, Class, bool, bool); 24] = [
    ("28P01", Class::Password, true, true),
    ("28000", Class::NotAdmitted, true, true),
    ("3D000", Class::NoDatabase, true, true),
    ("53300", Class::Crowded, true, true),
    ("53100", Class::DiskFull, true, true),
    ("53200", Class::MemoryFull, true, true),
    ("58030", Class::Disk, true, true),
    ("57P01", Class::Stopping, true, true),
    ("57P02", Class::Stopping, true, true),
    ("57P03", Class::Starting, true, true),
    ("25006", Class::ReadOnly, true, false),
    ("42P01", Class::NoSchema, true, true),
    ("42883", Class::NoSchema, true, true),
    ("3F000", Class::NoSchema, true, true),
    ("42501", Class::NoPermission, true, true),
    ("40001", Class::Race, true, true),
    ("40P01", Class::Race, true, true),
    ("55P03", Class::Race, true, true),
    ("57014", Class::Slow, true, true),
    ("0A000", Class::Stale, true, false),
    ("26000", Class::Stale, true, false),
    ("08006", Class::Lost, true, true),
    ("XX001", Class::Corrupt, false, false),
    ("22012", Class::Other, false, true),
];

#[tokio::test]
async fn each_sqlstate_has_its_class_and_says_so() {
    let server = Server::start(Options::default()).await.expect("started");
    let mut connection = server.superuser().await.expect("connected");
    for (code, class, waits, goes_on) in STATES {
        let error = raised(&mut connection, code).await;
        assert_eq!(Class::of(&error), class, "{code}");
        assert_eq!(is_survived(&error), goes_on, "{code}");
        match commit_failed(error) {
            StoreError::Unavailable { class, reason, retryable, cause } => {
                assert_eq!(retryable, waits, "{code}");
                assert!(reason.contains(code) && class.contains(code), "{reason}: {class}");
                assert!(!class.contains("hunter2"), "{class}");
                assert!(cause.is_some());
            }
            StoreError::Corrupt(text) => assert_eq!(class, Class::Corrupt, "{text}"),
            other => panic!("{code}: {other}"),
        }
    }
}

#[tokio::test]
async fn an_error_says_that_nothing_happened_and_a_fatal_one_does_not() {
    let server = Server::start(Options::default()).await.expect("started");
    let mut connection = server.superuser().await.expect("connected");
    let error = raised(&mut connection, "40001").await;
    assert!(matches!(commit_failed(error), StoreError::Unavailable { retryable: true, .. }));

    let suicide = sqlx::raw_sql("SELECT pg_terminate_backend(pg_backend_pid())");
    let error = suicide.execute(&mut connection).await.expect_err("ended");
    assert_eq!(Class::of(&error), Class::Stopping, "{error}");
    assert!(!is_survived(&error));
    assert!(matches!(commit_failed(error), StoreError::Ambiguous { .. }));
}

#[tokio::test]
async fn a_session_that_the_server_ended_may_be_had_again() {
    let server = Server::start(Options::default()).await.expect("started");
    // Not by the socket, which forgets what the server said last.
    let connection = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(server.port())
        .username("spike")
        .password(&Server::password("spike"))
        .database("spike")
        .ssl_mode(PgSslMode::Disable);
    let mut connection = connection.connect().await.expect("connected");
    let brief = sqlx::raw_sql("SET idle_session_timeout = '1ms'");
    brief.execute(&mut connection).await.expect("set");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let error = sqlx::raw_sql("SELECT 1").execute(&mut connection).await.expect_err("ended");
    assert_eq!(Class::of(&error), Class::Ended, "{error}");
    assert!(!is_survived(&error));
    match failed(error) {
        StoreError::Unavailable { reason, retryable: true, .. } => {
            assert!(reason.contains("57P05"), "{reason}");
        }
        other => panic!("{other}"),
    }
}

async fn raised(connection: &mut PgConnection, code: &str) -> sqlx::Error {
    let raise = format!(
        "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = 'hunter2'; END $$"
    );
    let raised = sqlx::raw_sql(AssertSqlSafe(raise));
    raised.execute(connection).await.expect_err(code)
}
