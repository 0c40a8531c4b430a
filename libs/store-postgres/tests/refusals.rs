//! What is not a store of ours is refused, with a remedy, and left as it was; and a role that serves
//! requests can't do more than that takes.

mod world;

use spike_store::{
    Documents, Kind, Manage, Names, Secrets, Select, StoreError,
    conformance::samples::{all, batch, call, find, key, keyed, path, put, put_ring, step},
};
use spike_store_postgres::schema::{self, Status};
use sqlx::{AssertSqlSafe, Executor};

use self::world::{OWNER, RUNTIME, World};

async fn schema_refusal(world: &World, database: &str) -> (u32, u32, &'static str) {
    match world.open(database).await.err() {
        Some(StoreError::Schema { found, supported, remedy }) => (found, supported, remedy),
        other => unreachable!("a schema error, not {other:?}"),
    }
}

#[tokio::test]
async fn a_database_without_a_schema_names_the_command_that_makes_it() {
    let world = World::shared().await;
    world.create("bare", "template0").await;
    let (found, _, remedy) = schema_refusal(&world, "bare").await;
    assert_eq!(found, 0);
    assert!(remedy.contains("nexus store schema expand"), "{remedy}");

    let mut owner = world.connect("bare", OWNER).await;
    let before = schema::status(&mut owner).await.unwrap();
    assert_eq!(before, Status { present: 0, min_reader: 0, wanted: schema::SCHEMA });
    assert!(before.can_expand() && !before.can_contract());
    let wanted = schema::SCHEMA;
    let after = Status { present: wanted, min_reader: 1, wanted };
    for _ in 0..2 {
        assert_eq!(schema::expand(&mut owner).await.unwrap(), after, "twice is once");
    }
    assert!(!after.can_expand());
    schema::grant(&mut owner, RUNTIME).await.unwrap();
    world.open("bare").await.expect("it opens").health().await.expect("it takes writes");
}

#[tokio::test]
async fn of_two_that_expand_at_once_each_succeeds() {
    let world = World::shared().await;
    world.create("twice", "template0").await;
    let (mut one, mut two) =
        (world.connect("twice", OWNER).await, world.connect("twice", OWNER).await);
    let (one, two) = tokio::join!(schema::expand(&mut one), schema::expand(&mut two));
    assert_eq!(one.unwrap(), two.unwrap());
}

#[tokio::test]
async fn an_owner_who_may_not_make_schemas_uses_the_one_that_was_made_for_it() {
    let world = World::shared().await;
    world.create("granted", "template0").await;
    world.server.add_role("tenant").await.unwrap();
    world.execute("granted", OWNER, "CREATE SCHEMA spike").await.unwrap();
    world.execute("granted", OWNER, "GRANT ALL ON SCHEMA spike TO tenant").await.unwrap();
    let mut tenant = world.connect("granted", "tenant").await;
    assert_eq!(schema::expand(&mut tenant).await.unwrap().present, schema::SCHEMA);
}

#[tokio::test]
async fn a_schema_that_later_programs_still_share_is_used() {
    let world = World::shared().await;
    let database = world.database().await;
    world.execute(&database, OWNER, "UPDATE spike.epochs SET schema = 9").await.unwrap();
    let store = world.open(&database).await.expect("min_reader says that we may");
    assert_eq!(store.health().await.unwrap().schema, 9);
    store.commit(&call(), batch([step("a", 0)])).await.expect("a commit");
}

/// Not only when it is opened: a program that was running is refused from the very next statement.
#[tokio::test]
async fn a_schema_that_is_contracted_under_a_running_program_refuses_it_at_once() {
    let world = World::shared().await;
    let database = world.database().await;
    let store = world.open(&database).await.unwrap();
    store.commit(&call(), batch([step("a", 0)])).await.expect("a commit");
    let later = "UPDATE spike.epochs SET schema = 9, min_reader = 9";
    world.execute(&database, OWNER, later).await.unwrap();

    let is_schema = |error| matches!(error, Some(StoreError::Schema { found: 9, .. }));
    assert!(is_schema(store.commit(&call(), batch([step("a", 1)])).await.err()));
    let policy = vec![put(Kind::Policy, "p", 0, 1)];
    assert!(is_schema(store.change(&call(), policy, vec![]).await.err()));
    assert!(is_schema(store.read(&call(), &[(path("a"), Select::Head)]).await.err()));
    assert!(is_schema(store.load(&call(), Kind::Policy, Names::All).await.err()));
    assert!(is_schema(store.list(&call(), all()).await.err()));
    assert!(is_schema(store.health().await.err()));
    assert_eq!(schema_refusal(&world, &database).await.0, 9);

    let back = "UPDATE spike.epochs SET min_reader = 1";
    world.execute(&database, OWNER, back).await.unwrap();
    let head = find(&store, "a", Select::Head).await.value.head.expect("it is there");
    assert_eq!(head.revision.0, 1, "nothing was written meanwhile");
}

#[tokio::test]
async fn a_schema_of_our_name_that_is_not_ours_is_refused_and_left_alone() {
    let world = World::shared().await;
    for (number, theirs) in [
        "CREATE TABLE spike.secrets (id integer)",
        "CREATE TABLE spike.epochs (id integer)",
        "CREATE TABLE spike.epochs (one integer, owner text, schema integer, min_reader integer);
         INSERT INTO spike.epochs VALUES (1, 'somebody', 1, 1)",
    ]
    .into_iter()
    .enumerate()
    {
        let database = format!("foreign{number}");
        world.create(&database, "template0").await;
        let theirs = format!("CREATE SCHEMA spike; {theirs}; GRANT USAGE ON SCHEMA spike TO nexus");
        world.execute(&database, OWNER, &theirs).await.unwrap();
        let grant = "GRANT SELECT ON ALL TABLES IN SCHEMA spike TO nexus";
        world.execute(&database, OWNER, grant).await.unwrap();
        let mut owner = world.connect(&database, OWNER).await;
        for refused in [
            world.open(&database).await.err(),
            schema::expand(&mut owner).await.err(),
            schema::contract(&mut owner).await.err(),
        ] {
            let Some(StoreError::Unusable(why)) = refused else {
                unreachable!("unusable, not {refused:?}")
            };
            assert!(why.contains(&database) && why.contains("another database"), "{why}");
        }
        let count = "SELECT count(*) FROM pg_class WHERE relnamespace = 'spike'::regnamespace";
        let tables: i64 = sqlx::query_scalar(count).fetch_one(&mut owner).await.unwrap();
        assert_eq!(tables, 1, "nothing was added");
    }
}

/// An edited row denies itself. It does not deny its neighbours, in whatever group or batch they are.
#[tokio::test]
async fn an_edited_row_is_corrupt_and_harms_no_other() {
    let world = World::shared().await;
    let database = world.database().await;
    let store = world.open(&database).await.unwrap();
    for at in ["a", "b"] {
        store.commit(&call(), batch([step(at, 0)])).await.unwrap();
    }
    store.change(&call(), vec![put(Kind::Policy, "p", 0, 1)], vec![]).await.unwrap();
    let damage = "
        ALTER TABLE spike.heads DROP CONSTRAINT heads_mac_check;
        ALTER TABLE spike.documents DROP CONSTRAINT documents_tag_check;
        UPDATE spike.heads SET mac = '\\x00' WHERE path = 'a';
        UPDATE spike.documents SET tag = '\\x00' WHERE name = 'p'";
    world.execute(&database, OWNER, damage).await.unwrap();

    let read = store.read(&call(), &[(path("a"), Select::Head)]).await;
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
    let loaded = store.load(&call(), Kind::Policy, Names::All).await;
    assert!(matches!(loaded, Err(StoreError::Corrupt(_))), "{loaded:?}");

    let (c, d) = (call(), call());
    let (damaged, whole, policy) = tokio::join!(
        store.commit(&c, batch([step("a", 4)])),
        store.commit(&d, batch([step("b", 1)])),
        store.change(&c, vec![put(Kind::Policy, "p", 1, 1)], vec![]),
    );
    assert!(matches!(damaged, Err(StoreError::Corrupt(_))), "no conflict without its head");
    assert!(matches!(policy, Err(StoreError::Corrupt(_))), "{policy:?}");
    whole.expect("its neighbour is written");
}

#[tokio::test]
async fn a_store_without_its_row_of_epochs_answers_nothing() {
    let world = World::shared().await;
    let database = world.database().await;
    let store = world.open(&database).await.unwrap();
    world.execute(&database, OWNER, "DELETE FROM spike.epochs").await.unwrap();
    let corrupt = |error| matches!(error, Some(StoreError::Corrupt(_)));
    assert!(corrupt(store.read(&call(), &[]).await.err()));
    assert!(corrupt(store.commit(&call(), batch([step("a", 0)])).await.err()));
    assert!(corrupt(store.change(&call(), vec![put_ring(0, 1)], vec![]).await.err()));
    assert!(corrupt(store.health().await.err()));
    assert!(corrupt(world.open(&database).await.err()));
}

/// One that PostgreSQL can't take is its own caller's misfortune.
#[tokio::test]
async fn what_the_server_refuses_in_a_group_harms_no_other() {
    let world = World::shared().await;
    let database = world.database().await;
    let store = world.open(&database).await.unwrap();
    let rule = "ALTER TABLE spike.heads ADD CHECK (path <> 'bad')";
    world.execute(&database, OWNER, rule).await.unwrap();
    let mut other = world.connect(&database, RUNTIME).await;
    // All of them wait for one lane of each, and then go together.
    other.execute("BEGIN; LOCK TABLE spike.epochs IN EXCLUSIVE MODE").await.unwrap();
    let names: Vec<_> =
        (0..40).map(|n| if n == 20 { "bad".into() } else { format!("g/{n}") }).collect();
    let calls: Vec<_> = names.iter().map(|_| call()).collect();
    let commits = names
        .iter()
        .zip(&calls)
        .zip(0..)
        .map(|((at, call), number)| store.commit(call, keyed([step(at, 0)], key(number))));
    let commits = futures::future::join_all(commits);
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        other.execute("COMMIT").await.unwrap();
    };
    let (outcomes, ()) = tokio::join!(commits, release);
    for (at, outcome) in names.iter().zip(outcomes) {
        assert_eq!(outcome.is_err(), at == "bad", "{at}: {outcome:?}");
    }
}

#[tokio::test]
async fn the_role_that_serves_requests_can_alter_nothing_and_unwrite_no_audit() {
    let world = World::shared().await;
    let database = world.database().await;
    let store = world.open(&database).await.unwrap();
    store.commit(&call(), batch([step("a", 0)])).await.unwrap();
    let documents = vec![put_ring(0, 1), put(Kind::Audit, "r1", 0, 1)];
    store.change(&call(), documents, vec![]).await.unwrap();
    for refused in [
        "ALTER TABLE spike.heads ADD COLUMN more text",
        "DROP TABLE spike.records",
        "CREATE TABLE spike.more (id integer)",
        "TRUNCATE spike.documents",
        "DELETE FROM spike.heads",
        "DELETE FROM spike.epochs",
        "INSERT INTO spike.epochs SELECT * FROM spike.epochs",
        "ALTER TABLE spike.documents DISABLE TRIGGER ALL",
        "UPDATE spike.documents SET bytes = '' WHERE kind = 4",
        "DELETE FROM spike.documents WHERE kind = 4",
        "DELETE FROM spike.documents WHERE kind = 1",
        "CREATE OR REPLACE FUNCTION spike.refuse() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
    ] {
        let mut runtime = world.connect(&database, RUNTIME).await;
        let tried = runtime.execute(AssertSqlSafe(refused)).await;
        let said = tried.expect_err(refused).into_database_error().expect("an answer");
        assert_eq!(said.code().as_deref(), Some("42501"), "{refused}: {said}");
    }
}
