//! The log on real files, pipes and full disks.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use jiff::Timestamp;
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::{
    AuditError, Entry, Event, Log, PublicKeys, Seq, Sink, Sync,
    chain::Position,
    public_key,
    sink::{Out, Stream, Tail},
    verify::{Expected, Report, verify},
};

struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("audit.log")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).expect("a log")
    }

    async fn open(&self) -> Log {
        open(&self.path()).await.expect("opens")
    }
}

async fn open(path: &Path) -> Result<Log, AuditError> {
    let sink = Sink::File { path: path.into(), sync: Sync::Group };
    Log::open(sink, "nexus-0".to_owned()).await
}

fn stream(to: impl Write + Send + 'static) -> Log {
    let out = Out::Stream(Stream::new(Box::new(to)));
    let tail = Tail { position: Position::START, torn: 0 };
    Log::start("stdout", (out, tail), "nexus-0".to_owned()).expect("starts")
}

fn entry() -> Entry {
    Entry::new(Event::Read, "secret.get", Timestamp::now())
}

fn seed() -> Zeroizing<[u8; 32]> {
    Zeroizing::new([3; 32])
}

fn keys() -> PublicKeys {
    [(1, public_key(&seed()))].into_iter().collect()
}

fn check(text: &str) -> Report {
    // Without a head there is no signature to ask for.
    let keys = if text.contains(r#""event":"head""#) { keys() } else { PublicKeys::default() };
    let report = verify(text.as_bytes(), &keys, &Expected::default()).expect("readable");
    assert!(report.is_clean(), "{:?}\n{text}", report.findings);
    report
}

#[tokio::test]
async fn concurrent_lines_are_durable_in_one_chain() {
    let home = Home::new();
    let log = home.open().await;
    log.sign_with(1, seed());
    let appends = (0..500).map(|_| log.append(entry()));
    let mut seqs: Vec<_> = futures::future::try_join_all(appends).await.expect("all durable");
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), 500);
    log.close().await;
    assert!(matches!(log.append(entry()).await, Err(AuditError::Closed)));
    let report = check(&home.text());
    assert_eq!(report.unsigned(), 0, "closing signs a last head");
    assert_eq!(log.status().last_seq, report.last_seq);
    assert_eq!(log.status().keys, keys());
    let mode = fs::metadata(home.path()).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_later_process_continues_the_chain_and_a_second_one_is_refused() {
    let home = Home::new();
    let log = home.open().await;
    log.append(entry()).await.expect("durable");
    assert!(matches!(open(&home.path()).await, Err(AuditError::InUse(_))));
    log.close().await;
    let log = home.open().await;
    assert_eq!(log.append(entry()).await.expect("durable"), Seq(2));
    log.close().await;
    assert_eq!(check(&home.text()).lines, 2);
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_and_said() {
    let home = Home::new();
    let log = home.open().await;
    log.append(entry()).await.expect("durable");
    log.close().await;
    let mut file = File::options().append(true).open(home.path()).expect("a file");
    file.write_all(br#"{"v":1,"seq":2,"ti"#).expect("written");
    let log = home.open().await;
    assert_eq!(log.append(entry()).await.expect("durable"), Seq(3));
    log.close().await;
    let text = home.text();
    assert!(
        text.contains(r#""event":"recovered","result":"18 bytes of an unfinished line"#),
        "{text}"
    );
    assert_eq!(check(&text).lines, 3);
}

#[tokio::test]
async fn what_is_not_a_log_is_not_appended_to() {
    let home = Home::new();
    for text in ["PATH=/bin\n", "{}\n{}\n", "#!/bin/sh", "a\nb"] {
        fs::write(home.path(), text).expect("written");
        let opened = open(&home.path()).await;
        assert!(matches!(opened, Err(AuditError::NotALog(_))), "{text:?}: {opened:?}");
        assert_eq!(home.text(), text, "left as it is");
    }
    for torn in ["{\"v\":1,\"se", "{\"v\":1,\"seq\":1,\"time", "\0\0\0"] {
        fs::write(home.path(), torn).expect("written");
        let log = home.open().await;
        log.append(entry()).await.expect("durable");
        log.close().await;
        check(&home.text());
    }
    for path in [home.0.path(), Path::new("/dev/full")] {
        assert!(matches!(open(path).await, Err(AuditError::NotAFile(_))));
    }
}

#[tokio::test]
async fn a_moved_a_deleted_and_an_emptied_file_begin_new_segments() {
    let home = Home::new();
    let log = home.open().await;
    log.sign_with(1, seed());
    let moved = home.0.path().join("audit.log.1");
    log.append(entry()).await.expect("durable");
    fs::rename(home.path(), &moved).expect("moved");
    log.append(entry()).await.expect("durable");
    let first = check(&fs::read_to_string(&moved).expect("a log"));
    assert_eq!(check(&home.text()).continues, Some(first.last_seq));

    let before = log.status().last_seq;
    fs::remove_file(home.path()).expect("deleted");
    log.append(entry()).await.expect("durable");
    assert_eq!(check(&home.text()).continues, Some(before));

    let before = log.status().last_seq;
    File::options().write(true).open(home.path()).and_then(|f| f.set_len(0)).expect("emptied");
    log.append(entry()).await.expect("durable");
    assert_eq!(check(&home.text()).continues, Some(before));
    log.close().await;
    assert_eq!(check(&home.text()).unsigned(), 0);
}

#[tokio::test]
async fn a_directory_that_vanished_fails_closed_until_it_is_back() {
    let home = Home::new();
    let directory = home.0.path().join("deep");
    fs::create_dir(&directory).expect("made");
    let log = open(&directory.join("audit.log")).await.expect("opens");
    log.append(entry()).await.expect("durable");
    fs::remove_dir_all(&directory).expect("removed");
    assert!(matches!(log.append(entry()).await, Err(AuditError::Write(_))));
    assert_eq!(log.status().failures, 1);
    fs::create_dir(&directory).expect("made");
    log.append(entry()).await.expect("durable again");
    log.close().await;
    let text = fs::read_to_string(directory.join("audit.log")).expect("a log");
    check(&text);
    assert!(text.contains("1 lines were refused"), "{text}");
}

/// Runs one test of this program again under a file size limit, as a disk that fills up. The
/// signal of the limit is ignored, so that a write fails as it does on a full disk.
#[test]
fn a_full_disk_refuses_every_line_until_there_is_room() {
    let home = Home::new();
    let program = std::env::current_exe().expect("this test");
    let status = Command::new("sh")
        .args(["-c", r#"trap '' XFSZ; ulimit -S -f 16; exec "$0" --ignored --exact "$1""#])
        .arg(program)
        .arg("tests::under_a_file_size_limit")
        .env("SPIKE_TEST_AUDIT_LOG", home.path())
        .output()
        .expect("a shell");
    let output = String::from_utf8_lossy(&status.stdout);
    assert!(status.status.success() && output.contains("1 passed"), "{output}");
    let text = home.text();
    check(&text);
    assert!(text.contains("lines were refused"), "{text}");
}

#[tokio::test]
#[ignore = "run by a_full_disk_refuses_every_line_until_there_is_room"]
async fn under_a_file_size_limit() {
    let path = std::env::var_os("SPIKE_TEST_AUDIT_LOG").expect("the other test's variable");
    let log = open(Path::new(&path)).await.expect("opens");
    let mut durable = 0;
    let refused = loop {
        match log.append(entry()).await {
            Ok(seq) => durable = seq.0,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AuditError::Write(_)), "{refused}");
    assert!(durable > 5, "there was room at first");
    assert!(log.append(entry()).await.is_err(), "still full");
    let text = fs::read_to_string(&path).expect("a log");
    assert_eq!(check(&text).last_seq, durable, "no refused line stays");
    assert!(text.ends_with('\n'), "no torn line stays");

    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize);
    let room = rustix::process::Rlimit { current: limit.maximum, ..limit };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, room).expect("room again");
    log.append(entry()).await.expect("durable again");
    log.close().await;
}

#[tokio::test]
async fn a_full_device_behind_standard_output_fails_closed() {
    let log = stream(File::options().write(true).open("/dev/full").expect("a device"));
    assert!(matches!(log.append(entry()).await, Err(AuditError::Write(_))));
    assert_eq!((log.status().failures, log.status().last_seq), (1, 0));
}

#[tokio::test]
async fn a_hung_sink_is_given_up_within_the_deadline() {
    let (near, mut far) = UnixStream::pair().expect("a socket");
    let log = stream(near);
    let big = || Entry { path: Some("x".repeat(2000)), ..entry() };
    // Nobody reads: the socket's buffer takes some hundred lines, then the writer hangs.
    let appends = (0..4000).map(|_| log.append(big()));
    let results = futures::future::join_all(appends).await;
    let timed_out = results.iter().filter(|r| matches!(r, Err(AuditError::TimedOut(_)))).count();
    assert!(timed_out > 2000, "{timed_out}");
    assert_eq!(log.status().failures, timed_out as u64);

    far.set_read_timeout(Some(Duration::from_secs(1))).expect("set");
    let mut text = Vec::new();
    drop((log, far.read_to_end(&mut text)));
    assert!(verify(text.as_slice(), &keys(), &Expected::default()).expect("readable").lines > 10);
}

/// A pipe that takes part of a page, then breaks, then works again.
struct Flaky {
    text: std::sync::Arc<std::sync::Mutex<Vec<u8>>>,
    room: usize,
}

impl Write for Flaky {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.room == 0 {
            self.room = usize::MAX;
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(self.room);
        self.room -= taken;
        self.text.lock().expect("not poisoned").extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_line_torn_on_a_stream_is_ended_and_the_chain_goes_on() {
    let text = std::sync::Arc::default();
    let log = stream(Flaky { text: std::sync::Arc::clone(&text), room: 300 });
    let results = [log.append(entry()).await, log.append(entry()).await, log.append(entry()).await];
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
    log.close().await;
    let text = text.lock().expect("not poisoned").clone();
    let report = verify(text.as_slice(), &keys(), &Expected::default()).expect("readable");
    let kinds: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(kinds, ["line 2: not an audit line"]);
}

#[tokio::test]
async fn a_flood_of_denials_of_one_identity_is_one_counted_line() {
    let home = Home::new();
    let log = home.open().await;
    let mut written = 0;
    // All in one second, which doesn't end while the test runs.
    let time = Timestamp::now() + Duration::from_hours(1);
    for _ in 0..200 {
        let denial = Entry { event: Event::Denied, time, ..entry() };
        written += u64::from(log.append_denial(denial).await.expect("taken").is_some());
    }
    assert_eq!(written, u64::from(crate::DENIALS_PER_SECOND));
    log.close().await;
    let text = home.text();
    assert!(text.contains(&format!(r#""result":"{} more denials""#, 200 - written)), "{text}");
    assert_eq!(check(&text).lines, written + 1);
}

#[tokio::test]
async fn the_last_handle_gone_signs_and_ends_the_log() {
    let home = Home::new();
    let log = home.open().await;
    log.append(entry()).await.expect("durable");
    log.sign_with(1, seed());
    drop(log);
    for _ in 0..100 {
        if open(&home.path()).await.is_ok() {
            assert_eq!(check(&home.text()).unsigned(), 0);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the writer still holds the file");
}

/// Whoever watches a replica takes it out of rotation then, so that nobody appends.
#[tokio::test]
async fn a_log_that_takes_no_lines_says_so_until_it_takes_them_again() {
    let home = Home::new();
    let log = home.open().await;
    log.append(entry()).await.expect("durable");
    assert!(log.trouble().is_none());
    let mut foreign = File::options().append(true).open(home.path()).expect("a log");
    foreign.write_all(b"not one of ours\n").expect("written");
    assert!(matches!(log.append(entry()).await, Err(AuditError::NotALog(_))));
    let told = log.trouble().expect("told").to_string();
    let named = told.contains(&home.path().display().to_string());
    assert!(named && told.contains("move it away; a new chain begins"), "{told}");

    fs::rename(home.path(), home.0.path().join("away")).expect("moved");
    let mended = async {
        while log.trouble().is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), mended).await.expect("tries by itself");
    log.append(entry()).await.expect("durable");
}
