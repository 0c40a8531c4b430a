//! One unix socket, one identity.

use std::{
    fs::Permissions,
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    fs::{self, DirBuilder},
    net::{UnixListener, UnixStream},
};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use crate::{
    AuthorityError,
    workload_api::{Told, WorkloadApi},
};

/// Streams of one connection, and how long a connection may take to end.
const MAX_STREAMS: u32 = 16;
const DRAIN: Duration = Duration::from_secs(2);

/// Makes the sockets' directory, or accepts one that nobody else can enter.
pub(crate) async fn directory(dir: &Path) -> Result<(), AuthorityError> {
    let mut owner_only = DirBuilder::new();
    owner_only.recursive(true).mode(0o700);
    owner_only.create(dir).await.map_err(AuthorityError::io(dir))?;
    let mode = fs::metadata(dir).await.map_err(AuthorityError::io(dir))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(AuthorityError::OpenToOthers(dir.to_owned()));
    }
    Ok(())
}

/// Where [`Authority::serve`](crate::dev::Authority::serve) puts the socket of `name`.
///
/// The `@` lets clients in that are made with the C core of gRPC (Python, C++, Ruby): they send the
/// socket's path, percent-encoded, as the request's authority, and hyper takes percent signs only
/// before an `@`.
pub fn socket_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("id@{name}.sock"))
}

/// The same socket under the name that one would guess: a link to [`socket_path`].
pub(crate) fn plain_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.sock"))
}

/// Refuses names that are no file's, or another directory's.
pub(crate) fn check_name(name: &str) -> Result<(), AuthorityError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
        return Err(AuthorityError::Name(name.to_owned()));
    }
    Ok(())
}

/// Who may open a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) enum For {
    Owner,
    Group,
}

/// Binds a socket. One that a killed process left behind is replaced.
pub(crate) async fn bind(path: &Path, whom: For) -> Result<UnixListener, AuthorityError> {
    match UnixStream::connect(path).await {
        Ok(_) => return Err(AuthorityError::Taken(path.display().to_string())),
        Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).await.map_err(AuthorityError::io(path))?;
        }
        // Mostly: nothing is there. Anything else, `bind` will say.
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(AuthorityError::io(path))?;
    let mode = match whom {
        For::Owner => 0o600,
        For::Group => 0o660,
    };
    let only = Permissions::from_mode(mode);
    fs::set_permissions(path, only).await.map_err(AuthorityError::io(path))?;
    Ok(listener)
}

/// Makes `plain` a link to the socket beside it. One that a killed process left is replaced.
pub(crate) async fn link(socket: &Path, plain: &Path) -> Result<(), AuthorityError> {
    match fs::remove_file(plain).await {
        Err(why) if why.kind() != io::ErrorKind::NotFound => {
            return Err(AuthorityError::io(plain)(why));
        }
        _ => {}
    }
    let target = socket.file_name().expect("a socket's path ends in its name");
    fs::symlink(target, plain).await.map_err(AuthorityError::io(plain))
}

/// Serves until `stop`, then ends every stream, and connections within [`DRAIN`].
pub(crate) async fn serve(
    listener: UnixListener,
    told: tokio::sync::watch::Receiver<Told>,
    trust_domain: &str,
    stop: CancellationToken,
) {
    let service = WorkloadApi::service(told, trust_domain, stop.clone());
    let serving = Server::builder()
        .max_concurrent_streams(MAX_STREAMS)
        .add_service(service)
        .serve_with_incoming_shutdown(
            UnixListenerStream::new(listener),
            stop.clone().cancelled_owned(),
        );
    let too_long = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        ended = serving => if let Err(why) = ended {
            tracing::warn!(error = %why, "a Workload API socket ended");
        },
        () = too_long => tracing::warn!("a Workload API client did not let go"),
    }
}
