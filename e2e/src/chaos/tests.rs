use std::io::ErrorKind;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};

use super::*;

/// Long enough for a local answer on a busy machine.
const SOON: Duration = Duration::from_secs(20);
/// How long silence must last to count as silence.
const SILENCE: Duration = Duration::from_millis(300);

/// Answers every connection with what it hears, after `greeting`.
async fn echo(greeting: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tracker = TaskTracker::new();
    TaskTracker::new().spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tracker.spawn(async move {
                stream.write_all(greeting.as_bytes()).await?;
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    address
}

async fn connect(chaos: &Chaos) -> std::io::Result<TcpStream> {
    TcpStream::connect(("127.0.0.1", chaos.port())).await
}

async fn said(stream: &mut TcpStream, text: &str) -> std::io::Result<String> {
    stream.write_all(text.as_bytes()).await?;
    let mut back = vec![0; text.len()];
    timeout(SOON, stream.read_exact(&mut back)).await??;
    Ok(String::from_utf8_lossy(&back).into_owned())
}

#[tokio::test]
async fn calm_weather_carries_both_ways_and_the_end_too() {
    let chaos = Chaos::start(echo("").await).await.unwrap();
    let mut stream = connect(&chaos).await.unwrap();
    assert_eq!(said(&mut stream, "hello").await.unwrap(), "hello");
    assert_eq!(chaos.connections(), 1);
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(SOON, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn slow_weather_delays_each_piece_and_bounds_the_rate() {
    let chaos = Chaos::start(echo("").await).await.unwrap();
    let mut stream = connect(&chaos).await.unwrap();
    chaos.set(Weather::Slow { latency: Duration::from_millis(60), bytes_per_second: 1_000_000 });
    let start = Instant::now();
    assert_eq!(said(&mut stream, "hello").await.unwrap(), "hello");
    assert!(start.elapsed() >= Duration::from_millis(120), "{:?}", start.elapsed());

    chaos.set(Weather::Slow { latency: Duration::ZERO, bytes_per_second: 20_000 });
    let start = Instant::now();
    said(&mut stream, &"x".repeat(4_000)).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(200), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_reset_ends_what_is_open_and_what_comes() {
    let chaos = Chaos::start(echo("").await).await.unwrap();
    let mut stream = connect(&chaos).await.unwrap();
    said(&mut stream, "hello").await.unwrap();
    chaos.set(Weather::Reset);
    let broken = timeout(SOON, stream.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::ConnectionReset);
    let mut next = connect(&chaos).await.unwrap();
    assert!(said(&mut next, "hello").await.is_err());
    chaos.set(Weather::Calm);
    let mut next = connect(&chaos).await.unwrap();
    assert_eq!(said(&mut next, "hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn half_open_is_silence_that_outlasts_the_weather() {
    let chaos = Chaos::start(echo("").await).await.unwrap();
    let mut old = connect(&chaos).await.unwrap();
    said(&mut old, "hello").await.unwrap();
    chaos.set(Weather::HalfOpen);
    let mut new = connect(&chaos).await.unwrap();
    for stream in [&mut old, &mut new] {
        stream.write_all(b"anyone?").await.unwrap();
        assert!(timeout(SILENCE, stream.read_u8()).await.is_err(), "neither byte nor end");
    }
    chaos.set(Weather::Calm);
    for stream in [&mut old, &mut new] {
        assert!(timeout(SILENCE, stream.read_u8()).await.is_err(), "dead for good");
    }
    assert_eq!(said(&mut connect(&chaos).await.unwrap(), "hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn a_refusal_leaves_what_is_open_and_ends_on_the_same_port() {
    let chaos = Chaos::start(echo("").await).await.unwrap();
    let mut open = connect(&chaos).await.unwrap();
    said(&mut open, "hello").await.unwrap();
    chaos.set(Weather::Refuse);
    let end = Instant::now() + SOON;
    loop {
        match connect(&chaos).await {
            Err(refused) if refused.kind() == ErrorKind::ConnectionRefused => break,
            _ => assert!(Instant::now() < end, "still listening"),
        }
    }
    assert_eq!(said(&mut open, "still").await.unwrap(), "still");
    chaos.set(Weather::Calm);
    let end = Instant::now() + SOON;
    while connect(&chaos).await.is_err() {
        assert!(Instant::now() < end, "never listens again");
    }
}

#[tokio::test]
async fn corruption_is_one_bit_and_only_of_the_servers_bytes() {
    let chaos = Chaos::start(echo("").await).await.unwrap();
    let mut stream = connect(&chaos).await.unwrap();
    chaos.set(Weather::Corrupt);
    assert_eq!(said(&mut stream, "d").await.unwrap(), "e");
}

#[tokio::test]
async fn another_target_is_for_new_connections() {
    let (a, b) = (echo("a").await, echo("b").await);
    let chaos = Chaos::start(a).await.unwrap();
    let mut first = connect(&chaos).await.unwrap();
    assert_eq!(first.read_u8().await.unwrap(), b'a');
    chaos.lead_to(b);
    assert_eq!(connect(&chaos).await.unwrap().read_u8().await.unwrap(), b'b');
    assert_eq!(said(&mut first, "hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn nobody_behind_it_is_a_broken_connection() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port().unwrap()));
    let chaos = Chaos::start(nobody).await.unwrap();
    let mut stream = connect(&chaos).await.unwrap();
    assert!(said(&mut stream, "hello").await.is_err());
}
