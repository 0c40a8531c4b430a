//! Passwords and authorities that are replaced while connections are open.

use std::fs;

use super::*;

#[tokio::test]
async fn a_new_password_is_taken_up_without_a_restart() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, format!("{}\n", Server::password("spike"))).unwrap();
    let url = server.url_with("spike", "");
    let link = Link::open(with(&server, &url).password_file(file.clone())).await.expect("open");
    let old = ask(&link, PROCESS).await.expect("answered");

    server.set_password("spike", "other-hunter2").await.unwrap();
    assert_eq!(ask(&link, PROCESS).await.expect("an open connection stays"), old);
    let (one, two) = (link.reader(soon()).await.expect("open"), link.reader(soon()).await);
    let error = two.err().expect("a new one isn't let in").to_string();
    assert!(error.contains("28P01") && !error.contains("hunter2"), "{error}");
    drop(one);

    // As the kubelet does it: another file takes the name.
    let fresh = folder.path().join("fresh");
    fs::write(&fresh, "other-hunter2\r\n").unwrap();
    fs::rename(&fresh, &file).unwrap();
    let new = recovered(&link, PROCESS).await;
    assert_ne!(new, old);
    write(&link, "SELECT 1", soon()).await.expect("written");
}

#[tokio::test]
async fn connections_with_the_old_password_go_once_the_file_has_a_new_one() {
    let server = server().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), Server::password("spike")).unwrap();
    let url = server.url_with("spike", "");
    let options = with(&server, &url).password_file(file.path().to_owned());
    let link = Link::open(options).await.expect("open");
    let old = ask(&link, PROCESS).await.expect("answered");
    server.set_password("spike", "other").await.unwrap();
    fs::write(file.path(), "other").unwrap();
    let end = soon();
    while ask(&link, PROCESS).await.expect("without a failure") == old {
        assert!(Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_new_authority_is_trusted_once_its_file_says_so() {
    let mut server = server().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::copy(server.ca_file(), file.path()).unwrap();
    let options = Options::parse(&server.url("spike")).expect("right");
    let link = Link::open(options.ca_file(file.path().into())).await.expect("open");
    ask(&link, "SELECT 1").await.expect("answered");

    server.secure(&["localhost"]).unwrap();
    server.restart().await.unwrap();
    ask(&link, "SELECT 1").await.expect_err("stopped");
    let error = ask(&link, "SELECT 1").await.expect_err("not trusted").to_string();
    assert!(error.contains("no trusted authority"), "{error}");

    // A file that is being written is no reason to drop what is trusted.
    fs::write(file.path(), "").unwrap();
    ask(&link, "SELECT 1").await.expect_err("nothing to trust");
    fs::copy(server.ca_file(), file.path()).unwrap();
    recovered(&link, "SELECT 1").await;
}
