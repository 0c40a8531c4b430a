//! Answers that no server of `PostgreSQL`'s gives: from one that was taken over, or from a network
//! that harms what nothing protects. The driver panics at them; the store goes on.

mod world;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use spike_store::{
    Documents, Kind, Manage, Names, Result, Secrets, Select,
    conformance::samples::{all, batch, call, path, put_ring, step},
};
use spike_store_postgres::{Options, PostgresStore};
use spike_testbed_postgres::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    time::timeout,
};
use tokio_util::task::TaskTracker;

use self::world::{RUNTIME, World};

/// Generous: machines are shared.
const PATIENCE: Duration = Duration::from_secs(30);

/// A message shorter than its own length.
const NONSENSE: &[u8] = b"D\0\0\0\x01";

/// Between the store and its server. So many answers as it says are nonsense.
#[derive(Clone, Default)]
struct Nonsense(Arc<AtomicU32>);

impl Nonsense {
    async fn begin(&self, server: u16, tasks: &TaskTracker) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (this, inner) = (self.clone(), tasks.clone());
        tasks.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server)).await.expect("it listens");
                inner.spawn(this.clone().carry(client, server));
            }
        });
        port
    }

    /// Either end may go at any time.
    async fn carry(self, client: TcpStream, server: TcpStream) {
        let ((mut asks, mut hears), (answers, mut server)) =
            (client.into_split(), server.into_split());
        let there = async { tokio::io::copy(&mut asks, &mut server).await.map(drop) };
        let _ = tokio::join!(there, self.answer(answers, &mut hears));
    }

    async fn answer(
        &self,
        mut answers: OwnedReadHalf,
        hears: &mut (impl AsyncWriteExt + Unpin),
    ) -> std::io::Result<()> {
        let mut bytes = vec![0; 1 << 16];
        loop {
            let count = answers.read(&mut bytes).await?;
            let less = |left: u32| left.checked_sub(1);
            if self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok() {
                return hears.write_all(NONSENSE).await;
            }
            match bytes.get(..count) {
                None | Some([]) => return hears.shutdown().await,
                Some(piece) => hears.write_all(piece).await?,
            }
        }
    }
}

async fn write(store: &PostgresStore, at: &str) -> Result<()> {
    store.commit(&call(), batch([step(at, 0)])).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_make_the_driver_panic_stop_nobody_but_those_who_asked() {
    let world = World::new().await;
    let database = world.database().await;
    let (nonsense, tasks) = (Nonsense::default(), TaskTracker::new());
    let port = nonsense.begin(world.server.port(), &tasks).await;
    let password = Server::password(RUNTIME);
    let url = format!(
        "postgres://{RUNTIME}:{password}@127.0.0.1:{port}/{database}?sslmode=disable&connections=6"
    );
    let options = Options::parse(&url).expect("ours");
    let store = PostgresStore::open(options).await.expect("open");
    write(&store, "a").await.expect("written");
    let wanted = [(path("a"), Select::Current)];

    // More of them than there are lanes.
    for round in 0..6 {
        let asked = async |what: usize| match what {
            0 => write(&store, &format!("b/{round}")).await,
            1 => store.read(&call(), &wanted).await.map(drop),
            2 => store.list(&call(), all()).await.map(drop),
            3 => store.load(&call(), Kind::Ring, Names::All).await.map(drop),
            _ => store.health().await.map(drop),
        };
        for what in 0..5 {
            // A read asks twice; what nobody began yet may still happen.
            nonsense.0.store(2, Ordering::Release);
            let _ = timeout(PATIENCE, asked(what)).await.expect("an answer, whatever it is");
            assert!(nonsense.0.swap(0, Ordering::AcqRel) < 2, "{what} heard no nonsense");
        }
    }
    write(&store, "c").await.expect("written");
    store.read(&call(), &wanted).await.expect("read");
    store.health().await.expect("well");
    store.change(&call(), vec![put_ring(0, 1)], Vec::new()).await.expect("changed");
    store.close().await;
}
