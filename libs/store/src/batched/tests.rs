use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore},
    task::{JoinHandle, JoinSet},
};

use super::*;
use crate::{
    conformance::{
        Harness,
        samples::{self, call, find, path, version},
    },
    memory::MemoryStore,
};

/// A store in which each read takes its snapshot at once and answers when it is let through.
struct Slow {
    /// What a path's head says: the same for all.
    present: AtomicU64,
    batches: Mutex<Vec<Vec<SecretPath>>>,
    begun: Notify,
    gate: Semaphore,
    memory: MemoryStore,
}

impl Slow {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            present: AtomicU64::new(1),
            batches: Mutex::default(),
            begun: Notify::new(),
            gate: Semaphore::new(0),
            memory: MemoryStore::new(),
        })
    }

    fn let_through(&self, batches: usize) {
        self.gate.add_permits(batches);
    }

    /// The sizes of all batches so far, when there are that many.
    async fn sizes(&self, batches: usize) -> Vec<usize> {
        loop {
            let begun = self.begun.notified();
            {
                let seen = self.batches.lock().unwrap();
                if seen.len() >= batches {
                    return seen.iter().map(Vec::len).collect();
                }
            }
            begun.await;
        }
    }
}

#[async_trait]
impl Secrets for Slow {
    async fn read(&self, _: &Call, want: &[(SecretPath, Select)]) -> Result<Seen<Vec<Found>>> {
        let present = self.present.load(Ordering::Acquire);
        self.batches.lock().unwrap().push(want.iter().map(|(path, _)| path.clone()).collect());
        self.begun.notify_waiters();
        self.gate.acquire().await.expect("never closed").forget();
        let names: Vec<_> = want.iter().map(|(path, _)| path.as_str()).collect();
        assert!(!names.contains(&"panic"), "as asked");
        if names.contains(&"damaged") {
            return Err(StoreError::Corrupt("a row".to_owned()));
        }
        if names.contains(&"gone") {
            return Err(StoreError::busy("the server is gone"));
        }
        let found = Found { head: Some(samples::head(present, None)), record: None };
        Ok(Seen { epochs: Epochs::NONE, value: vec![found; want.len()] })
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Seen<Outcome>> {
        self.memory.commit(call, batch).await
    }

    async fn list(&self, call: &Call, page: Page) -> Result<Seen<Listed>> {
        self.memory.list(call, page).await
    }
}

#[async_trait]
impl Documents for Slow {
    async fn load(&self, call: &Call, kind: Kind, names: Names) -> Result<Seen<Vec<Document>>> {
        self.memory.load(call, kind, names).await
    }

    async fn change(
        &self,
        call: &Call,
        puts: Vec<DocumentPut>,
        drops: Vec<DocumentDrop>,
    ) -> Result<Epochs> {
        self.memory.change(call, puts, drops).await
    }
}

#[async_trait]
impl Manage for Slow {
    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }

    async fn health(&self) -> Result<Health> {
        self.memory.health().await
    }

    async fn sweep(&self, call: &Call) -> Result<u64> {
        self.memory.sweep(call).await
    }

    async fn close(&self) {}
}

const ONE_LANE: Limits = Limits { lanes: 1, paths: 64, waiting: 100 };

type Reading = JoinHandle<Result<u64>>;

/// Starts a read of one path and returns when it waits or is in flight.
async fn start(store: &Batched<Slow>, at: &str) -> Reading {
    start_with(store, at, call()).await
}

#[expect(clippy::disallowed_methods, reason = "each test awaits or aborts what it starts")]
async fn start_with(store: &Batched<Slow>, at: &str, call: Call) -> Reading {
    let (store, path) = (store.clone(), path(at));
    let reading = tokio::spawn(async move {
        let seen = store.read(&call, &[(path, Select::Head)]).await?;
        Ok(seen.value[0].head.as_ref().map_or(0, |head| head.revision.0))
    });
    // The test's runtime has one thread: the read goes as far as it can.
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    reading
}

async fn result(reading: Reading) -> Result<u64> {
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("no lost wakeup").unwrap()
}

#[tokio::test]
async fn a_read_joins_the_next_batch_and_never_the_running_one() {
    let slow = Slow::new();
    let store = Batched::new(slow.clone(), ONE_LANE);
    let early = start(&store, "a").await;
    assert_eq!(slow.sizes(1).await, [1]);

    slow.present.store(2, Ordering::Release);
    let late = [start(&store, "a").await, start(&store, "b").await, start(&store, "a").await];
    assert_eq!(slow.sizes(1).await, [1], "the running batch is left alone");
    slow.let_through(2);

    assert_eq!(result(early).await.unwrap(), 1);
    for reading in late {
        assert_eq!(result(reading).await.unwrap(), 2, "the write before the read is seen");
    }
    assert_eq!(slow.sizes(2).await, [1, 3]);
}

#[tokio::test]
async fn a_free_lane_is_taken_at_once() {
    let slow = Slow::new();
    let store = Batched::new(slow.clone(), Limits { lanes: 2, ..ONE_LANE });
    let readings = [start(&store, "a").await, start(&store, "b").await, start(&store, "c").await];
    assert_eq!(slow.sizes(2).await, [1, 1], "the third waits for a lane");
    slow.let_through(3);
    for reading in readings {
        result(reading).await.unwrap();
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_disturbs_nobody() {
    let slow = Slow::new();
    let store = Batched::new(slow.clone(), ONE_LANE);
    let first = start(&store, "a").await;
    let (gone, stays) = (start(&store, "b").await, start(&store, "c").await);
    first.abort();
    gone.abort();
    tokio::task::yield_now().await;
    slow.let_through(2);
    result(stays).await.unwrap();
    assert_eq!(slow.sizes(2).await, [1, 1], "nobody asks for what nobody waits for");
}

#[tokio::test]
async fn an_error_of_the_store_reaches_everyone_in_the_batch() {
    let slow = Slow::new();
    let store = Batched::new(slow.clone(), ONE_LANE);
    let first = start(&store, "a").await;
    let batch = [start(&store, "gone").await, start(&store, "b").await];
    slow.let_through(2);
    result(first).await.unwrap();
    for reading in batch {
        let refused = result(reading).await;
        assert!(matches!(refused, Err(StoreError::Unavailable { retryable: true, .. })));
    }
}

#[tokio::test]
async fn a_damaged_row_fails_only_those_who_want_it() {
    let slow = Slow::new();
    let store = Batched::new(slow.clone(), ONE_LANE);
    let first = start(&store, "a").await;
    let (damaged, whole) = (start(&store, "damaged").await, start(&store, "b").await);
    slow.let_through(4);
    result(first).await.unwrap();
    assert!(matches!(result(damaged).await, Err(StoreError::Corrupt(_))));
    assert_eq!(result(whole).await.unwrap(), 1);
}

#[tokio::test]
async fn a_panic_of_the_store_strands_nobody() {
    let slow = Slow::new();
    let store = Batched::new(slow.clone(), Limits { paths: 1, ..ONE_LANE });
    let (panics, waits) = (start(&store, "panic").await, start(&store, "b").await);
    slow.let_through(2);
    assert!(matches!(result(panics).await, Err(StoreError::Unavailable { .. })));
    assert_eq!(result(waits).await.unwrap(), 1);
}

#[tokio::test]
async fn a_line_that_is_full_refuses_at_once() {
    let slow = Slow::new();
    let store = Batched::new(slow.clone(), Limits { waiting: 2, ..ONE_LANE });
    let mut readings = vec![start(&store, "in-flight").await];
    for _ in 0..2 {
        readings.push(start(&store, "a").await);
    }
    let refused = result(start(&store, "one-too-many").await).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { retryable: true, .. })));
    slow.let_through(2);
    for reading in readings {
        result(reading).await.unwrap();
    }
}

#[tokio::test]
async fn a_batch_has_at_most_that_many_paths() {
    let slow = Slow::new();
    let store = Batched::new(slow.clone(), Limits { paths: 3, ..ONE_LANE });
    let first = start(&store, "first").await;
    let pair = [(path("x"), Select::Head), (path("y"), Select::Version(version(1)))];
    let many: Vec<_> = (0..5).map(|n| (path(&format!("m{n}")), Select::Head)).collect();
    let all = async {
        let call = call();
        let reads = [pair.as_slice(), &pair, &pair[..1], &many];
        let reads = reads.map(|want| store.read(&call, want));
        futures::future::join_all(reads).await
    };
    slow.let_through(100);
    let lengths: Vec<_> = all.await.into_iter().map(|seen| seen.unwrap().value.len()).collect();
    assert_eq!(lengths, [2, 2, 1, 5], "each gets its own part");
    result(first).await.unwrap();
    assert_eq!(slow.sizes(4).await, [1, 2, 3, 5]);
}

#[tokio::test]
async fn each_read_keeps_its_own_deadline() {
    let slow = Slow::new();
    let store = Batched::new(slow.clone(), ONE_LANE);
    let patient = start(&store, "a").await;
    let soon = Call { deadline: Instant::now() + Duration::from_millis(30), ..call() };
    let hurried = start_with(&store, "b", soon).await;
    assert!(matches!(result(hurried).await, Err(StoreError::Unavailable { retryable: true, .. })));
    slow.let_through(1);
    assert_eq!(result(patient).await.unwrap(), 1);
    store.close().await;
    assert_eq!(slow.sizes(1).await, [1], "what nobody waits for any more is not read");
}

#[test]
fn a_runtime_that_ends_ends_the_line() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let slow = Slow::new();
    let store = Batched::new(slow.clone(), ONE_LANE);
    let readings = runtime
        .block_on(async { [start(&store, "in-flight").await, start(&store, "waiting").await] });
    drop(runtime);
    assert!(readings.iter().all(JoinHandle::is_finished));
    assert_eq!(store.line.waiting().busy, 0);
}

/// Thousands of reads race with lanes that open and close all the time.
#[tokio::test(flavor = "multi_thread")]
async fn no_read_is_forgotten() {
    let store = Batched::new(Arc::new(MemoryStore::new()), Limits { lanes: 2, ..ONE_LANE });
    store.commit(&call(), samples::batch([samples::step("a", 0)])).await.unwrap();
    let readers: JoinSet<()> = (0..64)
        .map(|number| {
            let store = store.clone();
            async move {
                for round in 0..200 {
                    assert!(find(&store, "a", Select::Head).await.value.head.is_some());
                    if (number + round) % 7 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            }
        })
        .collect();
    let all = readers.join_all();
    tokio::time::timeout(Duration::from_mins(1), all).await.expect("no lost wakeup");
}

/// The contract survives the batching.
struct BatchedMemory;

impl Harness for BatchedMemory {
    type Store = Batched<dyn Store>;

    async fn open(&self, _: &str) -> Result<Self::Store> {
        Ok(Batched::new(Arc::new(MemoryStore::new()), Limits::default()))
    }

    async fn crash(&self, _: &str, _: Self::Store) {
        unreachable!("ignored")
    }

    async fn modernise(&self, _: &str) {
        unreachable!("ignored")
    }
}

crate::conformance! {
    harness: BatchedMemory,
    restart: "what is in memory ends with its store",
    crash: "what is in memory ends with its store",
    schemas: "nothing is kept that could have a schema",
}
