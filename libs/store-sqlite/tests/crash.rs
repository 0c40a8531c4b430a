//! Acknowledged writes survive a writer that is killed, and no write is ever there by half.
//!
//! The writer is another process: this test's own program, started again. It says on its standard
//! output what was acknowledged, after it was; this process notes it down, kills the writer without
//! warning in the middle of its load, and looks at what is there. It shows what a crash of the
//! process leaves, not what a power failure leaves: that rests on SQLite's `synchronous = FULL`.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use spike_store::{
    Found, Manage, Secrets, Select,
    conformance::samples::{batch, call, find, key, keyed, path, record, step, version},
};
use spike_store_sqlite::{Options, SqliteStore};

/// Where the writer finds the store.
const FILE: &str = "SPIKE_STORE_CRASH_FILE";

const WRITERS: u64 = 16;
const KILLS: u64 = 5;

/// After how many acknowledgements the writer is killed.
const LOAD: usize = 200;

async fn open(file: &Path) -> SqliteStore {
    SqliteStore::open(file, Options::default()).await.expect("the store opens")
}

fn pair(writer: u64) -> [String; 2] {
    ["left", "right"].map(|side| format!("{side}/{writer}"))
}

#[test]
#[ignore = "the writer process of the crash test, which never ends by itself"]
fn writer_process() {
    let file = PathBuf::from(env::var_os(FILE).expect("the crash test starts it"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = Arc::new(open(&file).await);
        let writers: tokio::task::JoinSet<()> =
            (0..WRITERS).map(|writer| write_on(store.clone(), writer)).collect();
        writers.join_all().await;
    });
}

/// Writes pairs for ever: both paths always have the same revision, and its record.
async fn write_on(store: Arc<SqliteStore>, writer: u64) {
    let [left, right] = pair(writer);
    let head = find(&*store, &left, Select::Head).await.value.head;
    let mut from = head.map_or(0, |head| head.revision.0);
    loop {
        let both = [step(&left, from), step(&right, from)];
        let named = key(writer << 32 | from);
        let done = store.commit(&call(), keyed(both, named)).await.expect("a commit");
        assert!(!done.value.replayed);
        from += 1;
        // One write of a short line: the parent reads it whole or, if killed here, not at all.
        let line = format!("acknowledged {writer} {from}\n");
        std::io::stdout().write_all(line.as_bytes()).expect("the parent reads");
    }
}

/// Runs the writer, kills it under load, and adds what it said was acknowledged.
fn run_and_kill(file: &Path, acknowledged: &mut BTreeMap<u64, u64>) {
    let mut child = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "writer_process", "--ignored", "--nocapture"])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the writer starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut note = |line: std::io::Result<String>| {
        let line = line.expect("a line");
        let mut words = line.split(' ');
        if words.next() != Some("acknowledged") {
            return false;
        }
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        let (Some(writer), Some(revision)) = (number(), number()) else { return false };
        acknowledged.insert(writer, revision);
        true
    };
    let mut noted = 0;
    while noted < LOAD {
        noted += usize::from(note(lines.next().expect("the writer goes on")));
    }
    child.kill().expect("SIGKILL");
    for line in lines {
        note(line);
    }
    let status = child.wait().expect("it ended");
    assert!(!status.success(), "it was killed");
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_a_killed_writer_and_none_is_there_by_half() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("crash.db");
    let mut acknowledged = BTreeMap::new();
    for kill in 0..KILLS {
        let before: u64 = acknowledged.values().sum();
        run_and_kill(&file, &mut acknowledged);
        assert!(acknowledged.values().sum::<u64>() >= before + LOAD as u64, "kill {kill}");

        let store = open(&file).await;
        for writer in 0..WRITERS {
            let revision = whole_pair(&store, writer).await;
            let known = acknowledged.get(&writer).copied().unwrap_or(0);
            assert!(revision >= known, "writer {writer}: {known} acknowledged, {revision} there");
            assert!(revision <= known + 1, "writer {writer} sends one after the other");
            keys_tell(&store, writer, revision).await;
        }
        store.health().await.expect("it takes writes");
        store.close().await;
    }
}

/// The revision that both paths of a writer have, with its records.
async fn whole_pair(store: &SqliteStore, writer: u64) -> u64 {
    let want = pair(writer).map(|side| (path(&side), Select::Current));
    let found = store.read(&call(), &want).await.expect("a read").value;
    let revision =
        found.first().and_then(|found| found.head.as_ref()).map_or(0, |head| head.revision.0);
    for Found { head, record: kept } in found {
        assert_eq!(head.map_or(0, |head| head.revision.0), revision, "half a batch");
        let whole = (revision > 0).then(|| (version(revision), record(revision.to_string())));
        assert_eq!(kept, whole, "a head without its record");
    }
    revision
}

/// The key of each write that is there replays it: nobody who asks again writes twice.
async fn keys_tell(store: &SqliteStore, writer: u64, revision: u64) {
    let Some(from) = revision.checked_sub(1) else { return };
    let [left, right] = pair(writer);
    let again = keyed([step(&left, from), step(&right, from)], key(writer << 32 | from));
    let done = store.commit(&call(), again).await.expect("a repetition");
    assert!(done.value.replayed);
    let unkeyed = store.commit(&call(), batch([step(&left, from)])).await;
    assert!(unkeyed.is_err(), "without its key it would be a conflict");
}
