//! Asks a program's probe port whether it is ready.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer than a loaded laptop needs for one local answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// More than a probe answers with.
const MAX_ANSWER: u64 = 16 * 1024;

/// What a probe says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is ready.
    Ready,
    /// It lives, but isn't ready; the reasons are its own.
    NotReady(String),
    /// Nobody answers.
    Silent,
}

impl Answer {
    /// True if the program answers at all.
    pub(super) fn is_alive(&self) -> bool {
        !matches!(self, Self::Silent)
    }
}

/// A Nexus keeps its place while its store is away, and can't serve.
const AWAY: &str = r#""status":"store_unavailable""#;

/// Asks `GET /readyz` of a port on this machine.
pub(super) async fn ask(port: u16) -> Answer {
    match timeout(PATIENCE, get(port)).await {
        Ok(Ok(answer)) => parse(&answer),
        _ => Answer::Silent,
    }
}

async fn get(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn parse(answer: &str) -> Answer {
    match answer.split_whitespace().nth(1) {
        Some("200") if !answer.contains(AWAY) => Answer::Ready,
        Some("200" | "503") => {
            let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            Answer::NotReady(reasons(body))
        }
        _ => Answer::Silent,
    }
}

/// The messages of `{"status":…,"reasons":[{"code":…,"message":…}]}`.
fn reasons(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let reasons = body.get("reasons").and_then(|reasons| reasons.as_array());
    let messages =
        reasons.into_iter().flatten().filter_map(|reason| reason.get("message")?.as_str());
    messages.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_ready_only_if_it_says_so() {
        assert_eq!(parse("HTTP/1.1 200 OK\r\n\r\nok"), Answer::Ready);
        let sealed = "HTTP/1.1 503 Service Unavailable\r\n\r\n\
            {\"status\":\"sealed\",\"reasons\":[{\"code\":\"x\",\"message\":\"no shards\"}]}";
        assert_eq!(parse(sealed), Answer::NotReady("no shards".to_owned()));
        let away = sealed.replace("503", "200").replace("sealed", "store_unavailable");
        assert_eq!(parse(&away), Answer::NotReady("no shards".to_owned()));
        assert_eq!(parse("HTTP/1.1 503 x\r\n\r\n"), Answer::NotReady(String::new()));
        for other in ["", "SSH-2.0-OpenSSH", "HTTP/1.1 404 Not Found\r\n\r\n"] {
            assert_eq!(parse(other), Answer::Silent, "{other}");
        }
    }
}
