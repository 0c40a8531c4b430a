//! One connection through the proxy.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::sleep,
};

use super::Weather;

/// The most that is passed on at once.
const PIECE: usize = 16 << 10;

/// Which way bytes go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

/// Carries a connection until it ends or the weather ends it.
pub(super) async fn relay(
    mut client: TcpStream,
    target: SocketAddr,
    mut sky: watch::Receiver<Weather>,
) {
    let now = *sky.borrow();
    match now {
        Weather::Reset => return reset(&client),
        Weather::HalfOpen => return swallow(client).await,
        _ => {}
    }
    // Like a router: the client has a connection before anyone knows whether there is a server.
    let Ok(mut server) = TcpStream::connect(target).await else { return reset(&client) };
    // Small pieces pass at once, as they were sent.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));

    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let carried = async {
        let there = pump(from_client, to_server, sky.clone(), Way::ToServer);
        let back = pump(from_server, to_client, sky.clone(), Way::ToClient);
        tokio::try_join!(there, back)
    };
    let ends = |sky: &Weather| matches!(sky, Weather::Reset | Weather::HalfOpen);
    let mut storm = sky.clone();
    tokio::select! {
        _ = carried => return,
        _ = storm.wait_for(ends) => {}
    }
    let now = *sky.borrow_and_update();
    if now == Weather::HalfOpen {
        // The server is not told either: its side stays open as long as the client's.
        swallow(client).await;
        return drop(server);
    }
    reset(&client);
    reset(&server);
}

/// Passes bytes one way until their end, which it passes on too.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    sky: watch::Receiver<Weather>,
    way: Way,
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        let piece = buffer.get_mut(..length).expect("a read fills at most the buffer");
        let now = *sky.borrow();
        match now {
            Weather::Slow { latency, bytes_per_second } => {
                sleep(latency + taking(length, bytes_per_second)).await;
            }
            Weather::Corrupt if way == Way::ToClient => {
                if let Some(byte) = piece.last_mut() {
                    *byte ^= 1;
                }
            }
            _ => {}
        }
        to.write_all(piece).await?;
    }
}

/// How long so many bytes take.
fn taking(length: usize, bytes_per_second: u32) -> Duration {
    let length = u32::try_from(length).expect("at most a piece");
    Duration::from_secs(1) * length / bytes_per_second.max(1)
}

/// Reads what comes and answers nothing, until the other side gives up.
async fn swallow(mut client: TcpStream) {
    let mut buffer = vec![0; PIECE];
    while client.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
}

/// The connection ends with RST as soon as it is dropped.
fn reset(stream: &TcpStream) {
    // If it has ended by itself there is nothing left to reset.
    let _ = stream.set_zero_linger();
}
